"""Rows that break a rule of rows: marked when staged, and sent to quarantine or their table once the audit has spoken.

Staging comes before the verdict, so a marked row's destination names both: its table, and that it is refused there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from expectations.row_rules import BROKEN, mark
from lakehouse.catalog.spark_sql import literal
from lakehouse.ledger.entries import Count, Refusal
from lakehouse.ledger.vocabulary import NOWHERE, Destination, Verdict, sql_list

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from expectations.rulebook import Rule
    from lakehouse.contract.model import Contracts

_PREFIX = "refused:"  # of the destination of a marked row; its table stands behind it
IS_REFUSED = f"startswith(destination, '{_PREFIX}')"  # SQL, of a staged row


def mark_refused(
    judged: DataFrame, rules: Sequence[Rule], contracts: Contracts, accepted: str | None = None
) -> DataFrame:
    """Adds BROKEN to judged rows, and marks the destination of those that break a rule.

    `accepted`: a boolean column of rows that a waiver accepted earlier; it is dropped, and they break nothing.
    """
    from pyspark.sql import functions as F

    tables = ", ".join(literal(contract.table) for contract in contracts.values())
    good = f"reason_code is null and destination in ({tables})"
    if accepted:
        good = f"{good} and not coalesce(`{accepted}`, false)"
    marked = mark(judged, rules, list(contracts), good)
    destination = f"if({BROKEN} is null, destination, {as_refused('destination')})"
    marked = marked.withColumns({"destination": F.expr(destination)})
    return marked.drop(accepted) if accepted else marked


def as_refused(destination: str) -> str:
    """SQL: the destination of a marked row, whose table is `destination`."""
    return f"concat('{_PREFIX}', {destination})"


def check_rules(judged: DataFrame, rules: Sequence[Rule], contracts: Contracts) -> None:
    """Asks Spark for each rule of rows whether it can read it.

    Raises:
        AuditError: names the first that it cannot.
    """
    from pyspark.errors import AnalysisException

    from expectations.results import AuditError, brief

    for rule in (each for each in rules if each.of_rows):
        try:
            _ = mark(judged, [rule], list(contracts), "true").schema
        except AnalysisException as error:
            raise AuditError(
                f"the critical rule {rule.name} could not be run, so there is no verdict: {brief(error)}. Correct its "
                "condition and run again."
            ) from None


def published(table: str, verdict: str) -> str:
    """SQL: whether a staged row goes to the table."""
    accepted = f" or destination = '{_PREFIX}{table}'" if verdict == Verdict.WAIVED else ""
    return f"(destination = '{table}'{accepted})"


def quarantined(verdict: str) -> str:
    """SQL: whether a staged row goes to quarantine."""
    if verdict == Verdict.FAILED:
        return f"destination not in ({sql_list(NOWHERE)})"
    if verdict == Verdict.WAIVED:
        return f"destination = '{Destination.QUARANTINE}'"
    return f"(destination = '{Destination.QUARANTINE}' or {IS_REFUSED})"


def as_decided(staged: Iterable[Count], verdict: str) -> tuple[Count, ...]:
    """Where the staged rows go by that verdict: `published` and `quarantined`, in numbers."""
    sums: dict[tuple[str, str, int, object], int] = {}
    for each in staged:
        key = (_goes_to(each.destination, verdict), each.topic, each.partition, each.event_date)
        sums[key] = sums.get(key, 0) + each.rows
    return tuple(sorted(Count(*key, rows=rows) for key, rows in sums.items()))  # type: ignore[arg-type]


def _goes_to(destination: str, verdict: str) -> str:
    if destination in NOWHERE:
        return destination
    if verdict == Verdict.FAILED:
        return Destination.QUARANTINE
    if not destination.startswith(_PREFIX):
        return destination
    return destination.removeprefix(_PREFIX) if verdict == Verdict.WAIVED else Destination.QUARANTINE


def good_rows(staged: Iterable[Count]) -> int:
    """How many staged rows are good."""
    return sum(each.rows for each in staged if is_good(each.destination))


def is_good(destination: str) -> bool:
    """Whether staged rows of the destination keep their contract and are no repetitions; those that are refused do."""
    return destination not in (Destination.QUARANTINE, *NOWHERE)


def refused(staged: DataFrame, counts: Iterable[Count]) -> tuple[Refusal, ...]:
    """How many rows each rule refuses, by the first rule that a row breaks; `counts` are those of `staged`."""
    if not any(each.destination.startswith(_PREFIX) for each in counts):
        return ()
    rows = staged.where(IS_REFUSED).selectExpr(f"{BROKEN}[0] as rule").groupBy("rule").count().collect()
    return tuple(sorted(Refusal(row["rule"], row["count"]) for row in rows))
