"""Staging: what one attempt would publish, written once, then audited, decided and copied into the tables from there."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from expectations.results import RowCounts
from expectations.row_rules import BROKEN
from jobs.judging import message
from jobs.judging.batches import wide_name
from jobs.raw.raw_events import NO_REPEATS
from jobs.staging import refusals
from lakehouse import names
from lakehouse.catalog import tables
from lakehouse.catalog.spark_sql import literal
from lakehouse.ledger.entries import Count, Decision, Request
from lakehouse.ledger.vocabulary import MESSAGE_KEY, Action, Destination, Verdict

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

    from expectations.rulebook import Rule
    from lakehouse.clients.files import Files
    from lakehouse.contract.model import Contract, Contracts

ROWS_PER_FILE = 250_000
SPLIT_FROM_ROWS = 4_000  # from here on two cores judge, each into a file of its own
PARTITION_FROM_ROWS = 50_000  # below, reading all of it for each table costs less than a file for each
# Staged files are few, soon deleted, and of one destination each or of all of them: by statistics no reader could leave one out.
PARQUET = {"parquet.column.statistics.enabled": "false", **NO_REPEATS}


class BalanceError(Exception):
    """Messages are missing or too many somewhere; nothing is decided."""


class Refused(Exception):
    """A replay, rebuild or erase that cannot be decided and is to be abandoned; `page`: of the audit that failed."""

    def __init__(self, why: str, page: str = "") -> None:
        super().__init__(why)
        self.page = page


# Folder in a staging folder: which rows of it break a rule (see jobs/staging/candidates.py). Spark passes over names like this.
MARKS = "_marks"
X_RULE = "x_rule"  # column of MARKS, beside MESSAGE_KEY and BROKEN: the name of the x-rule that a row breaks, or null
_STAGED_AS = "staged_as"  # the destination of a row before its marks: a folder, so that no reader opens another
# columns of a staged row that took an open quarantine row: its reason there; else null
OPEN_REASON = "open_reason"


def write(judged: DataFrame, folder: str, rows: int, mode: str = "error") -> None:
    """Writes the judged messages: few of them as one or two files, many with one folder a destination.

    `rows`: of all that comes into the folder; `mode`: "append" if it comes in several writes.
    """
    writer = judged.coalesce(number_of(rows)).write.mode(mode).options(**PARQUET)
    if rows >= PARTITION_FROM_ROWS:
        writer = writer.partitionBy("destination")
    writer.parquet(folder)


def number_of(rows: int) -> int:
    """How many files, or tasks that write them, stage so many rows."""
    return max(1 if rows < SPLIT_FROM_ROWS else 2, -(-rows // ROWS_PER_FILE))


def write_judged(
    judged: DataFrame,
    folder: str,
    rows: int,
    rules: Sequence[Rule],
    contracts: Contracts,
    accepted: str | None = None,
    mode: str = "error",
) -> None:
    """Marks the judged messages that a rule of rows refuses (see `refusals.mark_refused`), and writes all of them.

    Raises:
        AuditError: Spark cannot read a rule.
    """
    from pyspark.errors import AnalysisException

    try:
        write(refusals.mark_refused(judged, rules, contracts, accepted), folder, rows, mode)
    except AnalysisException:
        refusals.check_rules(judged, rules, contracts)
        raise


def read(spark: SparkSession, folder: str) -> DataFrame:
    """All that was staged in the folder."""
    staged = spark.read.schema(_columns_of(spark, folder)).parquet(folder)
    if not folder.endswith(names.MARKED):
        return staged
    return _with_marks(staged, spark.read.parquet(f"{folder}/{MARKS}"))


@lru_cache(maxsize=8)
def _columns_of(spark: SparkSession, folder: str) -> StructType:
    """Read from one of its files, once a process. A folder belongs to one attempt, so its columns never change."""
    return spark.read.parquet(folder).schema


def settle(files: Files, folder: str, has_marks: bool) -> str:
    """The folder's name for its readers, which says whether it has MARKS."""
    if not has_marks:
        return folder
    files.move(folder, f"{folder}{names.MARKED}")
    return f"{folder}{names.MARKED}"


def _with_marks(staged: DataFrame, marks: DataFrame) -> DataFrame:
    """The staged rows as their marks have it: what breaks an x-rule is for quarantine, what breaks a rule of rows is refused."""
    from pyspark.sql import functions as F

    final = {
        "destination": f"case when {X_RULE} is not null then '{Destination.QUARANTINE}' "
        f"when marked_{BROKEN} is not null then {refusals.as_refused('destination')} else destination end",
        "reason_code": f"coalesce(reason_code, concat('rule:', {X_RULE}))",
        "rule": f"coalesce(rule, {X_RULE})",
        BROKEN: f"marked_{BROKEN}",
    }
    columns = [f"{final[name]} as {name}" if name in final else f"`{name}`" for name in staged.columns]
    marks = marks.withColumnRenamed(BROKEN, f"marked_{BROKEN}")
    return staged.join(F.broadcast(marks), list(MESSAGE_KEY), "left").selectExpr(
        *columns, f"destination as {_STAGED_AS}"
    )


def count(frame: DataFrame) -> tuple[Count, ...]:
    """Rows per destination, topic, partition and day."""
    rows = frame.groupBy("destination", "topic", "partition", "event_date").count().collect()
    return tuple(sorted(Count(r["destination"], r["topic"], r["partition"], r["event_date"], r["count"]) for r in rows))


class Tally(NamedTuple):
    """Staged rows in numbers. `counts`: see `count`; `rows`: of each event type, and which of them could be published."""

    counts: tuple[Count, ...]
    rows: RowCounts


def tally(staged: DataFrame) -> Tally:
    """Counts the staged rows for the balance and for the audit, in one query."""
    keys = ("destination", "topic", "partition", "event_date")
    counts: Counter[tuple[str, str, int, dt.date]] = Counter()
    all_of: Counter[str] = Counter()
    good_of: Counter[str] = Counter()
    for row in staged.groupBy(*keys, "event_type").count().collect():
        counts[tuple(row[each] for each in keys)] += row["count"]
        if row["event_type"] is not None:
            all_of[row["event_type"]] += row["count"]
            good_of[row["event_type"]] += row["count"] if refusals.is_good(row["destination"]) else 0
    found = tuple(sorted(Count(*key, rows=rows) for key, rows in counts.items()))
    return Tally(found, RowCounts(counts.total(), refusals.good_rows(found), all_of, good_of))


def check_balance(raw: Iterable[Count], staged: Iterable[Count]) -> None:
    """Every row of the batch in raw is staged for exactly one destination.

    Raises:
        BalanceError: names each partition and day that is off, with both numbers.
    """
    sums: dict[tuple[str, int, dt.date], list[int]] = {}
    for side, counts in enumerate((raw, staged)):
        for each in counts:
            sums.setdefault((each.topic, each.partition, each.event_date), [0, 0])[side] += each.rows
    off = [f"{t}-{p} on {d}: {n} in raw, {m} staged" for (t, p, d), (n, m) in sorted(sums.items()) if n != m]
    if off:
        raise BalanceError("the batch does not add up, so it is not decided:\n  " + "\n  ".join(off))


def event_rows(
    frame: DataFrame, contract: Contract, contracts: Contracts, entry_id: int, verdict: str = Verdict.PASSED
) -> DataFrame:
    """The staged rows of one event table, in the table's columns; fields that were not known when staging are null."""
    definition = tables.event_definition(contract, contracts)
    own = {f.name: wide_name(contract.event_type, f.name) for f in contract.fields}
    staged = set(frame.columns)
    number = message.by_key("event_type", {contract.event_type: f"{int(entry_id)}L"})
    special = {"raw_event": "cast(value as string)", "entry_id": number}

    def source(name: str, kind: str) -> str:
        if name in special:
            return special[name]
        column = own.get(name, name)
        return f"`{column}`" if column in staged else f"cast(null as {kind})"

    if _STAGED_AS in staged:
        frame = frame.where(f"{_STAGED_AS} = '{contract.table}'")
    return frame.where(refusals.published(contract.table, verdict)).selectExpr(
        *[f"{source(name, kind)} as `{name}`" for name, (kind, _) in definition.columns.items()]
    )


def quarantine_rows(frame: DataFrame, decision: Decision, entry_id: int) -> DataFrame:
    """The staged rows that go to quarantine: those at fault, and of a held entry the good ones with the check's name.

    At fault is a row that breaks its contract or a rule of rows. Of rows that were staged before rules of rows were told
    apart, and are held, that is not known.
    """
    is_marked = BROKEN in frame.columns
    broken = f"{BROKEN}[0]" if is_marked else "cast(null as string)"
    held_by = literal(decision.failed_checks[0]) if decision.verdict == Verdict.FAILED else "cast(null as string)"
    rule = f"coalesce({broken}, {held_by})"
    at_fault = f"reason_code is not null or {broken} is not null"
    special = {
        "entry_id": f"cast({entry_id} as bigint)",
        "contract_version": "cast(contract_version as int)",
        "reason_code": f"coalesce(reason_code, concat('audit:', {rule}))",
        "rule": f"case when reason_code is null then {rule} else rule end",
        "at_fault": at_fault if is_marked else f"nullif({at_fault}, false)",
    }
    columns = [f"{special.get(name, f'`{name}`')} as `{name}`" for name in tables.QUARANTINE]
    return frame.where(refusals.quarantined(decision.verdict)).selectExpr(*columns)


def action_rows(frame: DataFrame, action: str, entry_id: int, request: Request, waived: bool = False) -> DataFrame:
    """What is done to the quarantine rows that the staged rows took, in the columns of ops.quarantine_actions.

    `waived`: what is published is so by a waiver. What fails its contract again is not: no rebuild may take it for accepted.
    """
    from pyspark.sql import functions as F

    special = {
        "action": F.expr(
            f"if(destination = '{Destination.QUARANTINE}', '{action}', '{Action.WAIVED}')" if waived else f"'{action}'"
        ),
        "entry_id": F.lit(entry_id).cast("bigint"),
        "who": F.lit(request.who),  # never as SQL text: Spark would read it, and put variables' values into it
        "why": F.lit(request.why),
    }
    columns = [special.get(name, F.col(name)).alias(name) for name in tables.ACTIONS]
    return frame.where(f"{OPEN_REASON} is not null").select(*columns)
