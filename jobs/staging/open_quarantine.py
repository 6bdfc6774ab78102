"""What is open in quarantine: rows that no later action closed, by selection."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from jobs.judging.checks import UNREADABLE
from lakehouse import names

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from jobs.runtime.job import Job
    from lakehouse.ledger.selection import Selection

KEY = ["topic_id", "partition", "offset"]


def open_rows(run: Job, condition: str | Column) -> DataFrame:
    """Rows of ops.quarantine that meet the condition and that no action of a later entry closed; at most one a message."""
    quarantine = run.spark.read.format("delta").load(run.path(names.QUARANTINE)).where(condition)
    actions = run.spark.read.format("delta").load(run.path(names.QUARANTINE_ACTIONS))
    return _without_later(quarantine, actions)


def _without_later(quarantine: DataFrame, actions: DataFrame) -> DataFrame:
    """Rows of ops.quarantine on whose message none of the actions is of a later entry."""
    from pyspark.sql import functions

    closed = actions.selectExpr(*[f"`{name}` as closed_{name}" for name in KEY], "entry_id as closed_by")
    same = " and ".join(f"`{name}` = closed_{name}" for name in KEY)
    return quarantine.join(closed, functions.expr(f"{same} and closed_by > entry_id"), "left_anti")


def unreadable_places(run: Job) -> DataFrame:
    """KEY of the messages that nobody may read: quarantined as unreadable, and not read again by a later replay."""
    quarantine = run.spark.read.format("delta").load(run.path(names.QUARANTINE)).where(f"reason_code = '{UNREADABLE}'")
    actions = run.spark.read.format("delta").load(run.path(names.QUARANTINE_ACTIONS)).where("action <> 'discarded'")
    return _without_later(quarantine, actions).select(*KEY).distinct()


def say_open(run: Job, condition: str | Column) -> bool:
    """Says how many open rows of each reason meet the condition. Returns whether there are any."""
    counts = open_rows(run, condition).groupBy("reason_code").count().collect()
    for row in sorted(counts, key=lambda row: str(row["reason_code"])):
        run.say(f"  open in quarantine: {row['count']} of {row['reason_code']}")
    return bool(counts)


def condition_of(selection: Selection, through: int) -> Column:
    """Which rows of ops.quarantine a request may take: those of its selection, of entries up to `through`.

    What a person wrote is a value here, never SQL text, which Spark would read and put variables' values into.
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
