"""What is open in quarantine: rows that no later action closed, by selection."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from lakehouse import names
from lakehouse.contract.judge import UNREADABLE
from lakehouse.ledger.vocabulary import MESSAGE_KEY, Action

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from jobs.runtime.job import Job
    from lakehouse.ledger.selection import Selection


def open_rows(job: Job, condition: str | Column) -> DataFrame:
    """Rows of ops.quarantine that meet the condition and are not closed by a later entry; at most one for a message."""
    quarantine = job.store.read(names.QUARANTINE).where(condition)
    actions = job.store.read(names.QUARANTINE_ACTIONS)
    return _without_later(quarantine, actions)


def _without_later(quarantine: DataFrame, actions: DataFrame) -> DataFrame:
    """Rows of ops.quarantine on whose message none of the actions is of a later entry."""
    from pyspark.sql import functions

    closed = actions.selectExpr(*[f"`{name}` as closed_{name}" for name in MESSAGE_KEY], "entry_id as closed_by")
    same = " and ".join(f"`{name}` = closed_{name}" for name in MESSAGE_KEY)
    return quarantine.join(closed, functions.expr(f"{same} and closed_by > entry_id"), "left_anti")


def unreadable_places(job: Job) -> DataFrame:
    """MESSAGE_KEY of the unreadable messages: quarantined as such, and not read again by a later replay."""
    quarantine = job.store.read(names.QUARANTINE).where(f"reason_code = '{UNREADABLE}'")
    actions = job.store.read(names.QUARANTINE_ACTIONS).where(f"action <> '{Action.DISCARDED}'")
    return _without_later(quarantine, actions).select(*MESSAGE_KEY).distinct()


def report_open(job: Job, condition: str | Column) -> bool:
    """Says how many open rows of each reason meet the condition. Returns whether there are any."""
    counts = open_rows(job, condition).groupBy("reason_code").count().collect()
    for row in sorted(counts, key=lambda row: str(row["reason_code"])):
        job.say(f"  open in quarantine: {row['count']} of {row['reason_code']}")
    return bool(counts)


def condition_of(selection: Selection, through: int) -> Column:
    """Which rows of ops.quarantine a request may take: those of its selection, of entries up to `through`.

    A person's text is a value here, never SQL text, in which Spark would replace variables.
    """
    from pyspark.sql import functions as F

    parts = [F.col("entry_id") <= F.lit(through)]
    if selection.reason:
        reason, text = F.col("reason_code"), selection.reason
        parts.append(F.startswith(reason, F.lit(text[:-1])) if text.endswith("*") else reason == F.lit(text))
    if selection.event_type:
        parts.append(F.col("event_type") == F.lit(selection.event_type))
    if selection.batch_id is not None:
        parts.append(F.col("batch_id") == F.lit(selection.batch_id))
    if selection.since:
        parts.append(F.expr(f"kafka_timestamp >= timestamp '{selection.since.isoformat()}'"))
    if selection.until:
        parts.append(F.expr(f"kafka_timestamp < timestamp '{selection.until.isoformat()}'"))
    return reduce(lambda one, other: one & other, parts)
