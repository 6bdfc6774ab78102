"""What is open in quarantine: rows that no later action closed, by selection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.contract_sql import literal
from lakehouse import names

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.job import Job
    from lakehouse.quarantine import Selection

KEY = ["topic_id", "partition", "offset"]


def open_rows(run: Job, condition: str) -> DataFrame:
    """Rows of ops.quarantine that meet the condition and that no action of a later entry closed; at most one a message."""
    quarantine = run.spark.read.format("delta").load(run.path(names.QUARANTINE)).where(condition)
    actions = run.spark.read.format("delta").load(run.path(names.QUARANTINE_ACTIONS))
    closed = actions.selectExpr(*[f"`{name}` as closed_{name}" for name in KEY], "entry_id as closed_by")
    same = " and ".join(f"`{name}` = closed_{name}" for name in KEY)
    from pyspark.sql import functions

    return quarantine.join(closed, functions.expr(f"{same} and closed_by > entry_id"), "left_anti")


def say_open(run: Job, condition: str) -> bool:
    """Says how many open rows of each reason meet the condition. Returns whether there are any."""
    counts = open_rows(run, condition).groupBy("reason_code").count().collect()
    for row in sorted(counts, key=lambda row: str(row["reason_code"])):
        run.say(f"  open in quarantine: {row['count']} of {row['reason_code']}")
    return bool(counts)


def condition_of(selection: Selection, through: int) -> str:
    """SQL: which rows of ops.quarantine a request may take: those of its selection, of entries up to `through`."""
    parts = [f"entry_id <= {int(through)}"]
    if selection.reason:
        text = selection.reason
        parts.append(
            f"startswith(reason_code, {literal(text[:-1])})" if text.endswith("*") else f"reason_code = {literal(text)}"
        )
    if selection.event_type:
        parts.append(f"event_type = {literal(selection.event_type)}")
    if selection.batch_id is not None:
        parts.append(f"batch_id = {int(selection.batch_id)}")
    if selection.since:
        parts.append(f"kafka_timestamp >= timestamp '{selection.since.isoformat()}'")
    if selection.until:
        parts.append(f"kafka_timestamp < timestamp '{selection.until.isoformat()}'")
    return " and ".join(parts)
