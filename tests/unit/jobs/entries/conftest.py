"""A lakehouse in memory, and a Kafka of one partition before it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from expectations.validation import prepare
from jobs.entries import commit, ingest
from jobs.raw import drain, raw_events
from jobs.staging import last_resort
from jobs.upkeep import purge
from lakehouse.ledger.offsets import Log, OffsetRange
from tests.unit.jobs.entries.world import AT, World

with warnings.catch_warnings():  # what other people's packages warn of while they are imported is theirs to mend
    warnings.simplefilter("ignore")
    prepare()


@pytest.fixture
def world(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(commit, "prepare_audit", lambda: None)
    monkeypatch.setattr(ingest, "mirror_end", lambda job, entry: None)
    monkeypatch.setattr(purge, "clean_staging", lambda job: None)
    monkeypatch.setattr(last_resort, "PATIENCE", 0.0)  # there is no HDFS that could come back
    return World(spark, tmp_path)


@pytest.fixture
def kafka(world: World, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What Kafka holds in its one partition, from offset 0 on."""
    waiting: list[bytes] = []

    def read_batch(spark: SparkSession, bootstrap: str, batch_id: int, ranges: list[OffsetRange]) -> Any:
        (only,) = ranges
        return world.messages(waiting[only.start : only.until], only.start, batch_id)

    monkeypatch.setattr(drain, "logs_of", lambda job, planned: [Log(AT, 0, len(waiting))])
    monkeypatch.setattr(raw_events, "read_batch", read_batch)
    return waiting
