"""Recorded losses: offsets that a person decided to give up, so that ingest can go on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lakehouse import names
from lakehouse.catalog.tables import LOSSES, schema_of
from lakehouse.ledger.offsets import Loss

if TYPE_CHECKING:
    from jobs.runtime.job import Job


def read_losses(job: Job) -> tuple[Loss, ...]:
    """All recorded losses."""
    rows = job.store.read(names.LOSSES).selectExpr("inline(ranges)").distinct().collect()
    return tuple(map(Loss.of, rows))


def record(job: Job, losses: Sequence[Loss], who: str, why: str) -> None:
    """Appends one decision. If another run records one at the same time, this one is appended after it."""
    ranges = [(each.at.topic, each.at.topic_id, each.at.partition, each.start, each.until) for each in losses]
    while True:
        last = job.store.read(names.LOSSES).selectExpr("max(loss_id)").collect()[0][0] or 0
        row = (last + 1, who, why, ranges, dt.datetime.now(dt.UTC))
        job.hooks.at("before_loss")
        job.store.append_once(
            job.spark.createDataFrame([row], schema_of(LOSSES)), names.LOSSES, app="loss", version=last + 1
        )
        job.hooks.at("after_loss")
        if set(losses) <= set(read_losses(job)):
            return
