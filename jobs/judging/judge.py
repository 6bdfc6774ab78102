"""Judges every message of a batch by its contract: where it goes, and if nowhere good, for which reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from jobs.judging import x_rules
from jobs.judging.batches import COORDINATES, Place, columns_of, judge_batches
from jobs.judging.duplicates import ARRIVAL
from jobs.judging.headers import apply_rules
from jobs.judging.workers import in_workers
from lakehouse.contract.judge import NO_EVENT
from lakehouse.ledger.vocabulary import Destination, sql_list

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.contract.model import Contracts

# Columns that judge_batches gives and that repetitions and rules may still change.
_BY_MESSAGE = ("reason_code", "field", "rule", "destination")


def judge(
    batch: DataFrame,
    repeats: DataFrame | None,
    contracts: Contracts,
    *,
    max_event_bytes: int,
    header_rules: Mapping[str, str],
    keep: Mapping[str, str] = MappingProxyType({}),
    unreadable: Collection[Place] = (),
) -> DataFrame:
    """Judges the messages of `batch` (rows of the raw table) in one pass.

    Args:
        repeats: see `duplicates.find_repeats`.
        header_rules: see `headers.apply_rules`.
        keep: further columns of `batch` that are handed on, with their Spark types.
        unreadable: messages that are not to be read (jobs/staging/last_resort.py).

    Returns:
        One row a message: the columns of `batches.columns_of`. Where a contract is kept: defaults are filled in, reason_code,
        field and rule are null, and destination is a table of the contracts; else it is QUARANTINE or DUPLICATE. Fields of other
        event types are null.
    """
    columns = columns_of(contracts, keep)
    judged = in_workers(
        batch.select(*COORDINATES, *keep, "value", "kafka_headers", "event_id"),
        judge_batches,
        columns,
        contracts=contracts,
        max_event_bytes=max_event_bytes,
        keep=tuple(keep),
        unreadable=frozenset(unreadable),
    )
    if repeats is None:
        judged = judged.selectExpr("*", "cast(null as boolean) as reused")
    else:
        judged = judged.join(repeats, ARRIVAL, "left")
    return apply_rules(_with_repeats_and_rules(judged, contracts, list(columns)), header_rules)


def _with_repeats_and_rules(judged: DataFrame, contracts: Contracts, columns: list[str]) -> DataFrame:
    """What of a message follows from others, and from conditions in SQL, beside what it says itself."""
    is_event = f"not coalesce(reason_code in ({sql_list(sorted(NO_EVENT))}), false)"
    of_repeats = f"({is_event} and reused is not null)"
    broken = f"case when reason_code is null and reused is null then {x_rules.first_broken(contracts)} end"
    by_reuse = "if(reused, 'event_id_reused', null)"
    final = {
        "reason_code": f"case when {of_repeats} then {by_reuse} else coalesce(reason_code, concat('rule:', broken)) end",
        "field": f"case when {of_repeats} then if(reused, 'event_id', null) else field end",
        "rule": f"case when {of_repeats} then null else coalesce(rule, broken) end",
        "destination": f"case when {of_repeats} then if(reused, '{Destination.QUARANTINE}', '{Destination.DUPLICATE}') "
        f"when broken is not null then '{Destination.QUARANTINE}' else destination end",
    }
    return judged.selectExpr("*", f"{broken} as broken").selectExpr(
        *[f"{final[name]} as {name}" if name in _BY_MESSAGE else f"`{name}`" for name in columns]
    )
