"""Judges every message of a batch by its contract: where it goes, and if nowhere good, for which reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from jobs.judging import headers, x_rules
from jobs.judging.batches import COORDINATES, REUSED, Place, columns_of, judge_batches
from jobs.judging.duplicates import ARRIVAL
from jobs.judging.workers import in_workers
from lakehouse.ledger.vocabulary import Destination

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.contract.model import Contracts


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
        header_rules: see jobs/judging/headers.py.
        keep: further columns of `batch` that are handed on, with their Spark types.
        unreadable: messages that are not to be read (jobs/staging/last_resort.py).

    Returns:
        One row a message: the columns of `batches.columns_of`. Where a contract is kept: defaults are filled in, reason_code,
        field and rule are null, and destination is a table of the contracts; else it is QUARANTINE or DUPLICATE. Fields of other
        event types are null.

    Raises:
        ValueError: a header rule is none.
    """
    headers.check_rules(header_rules)
    columns = columns_of(contracts, keep)
    judged = in_workers(
        to_judge(batch, repeats, *keep),
        judge_batches,
        columns,
        contracts=contracts,
        max_event_bytes=max_event_bytes,
        header_rules=dict(header_rules),
        keep=tuple(keep),
        unreadable=frozenset(unreadable),
    )
    good = f"reason_code is null and destination <> '{Destination.DUPLICATE}'"
    broken = f"case when {good} then {x_rules.first_broken(contracts)} end"
    final = {
        "reason_code": "coalesce(reason_code, concat('rule:', broken))",
        "rule": "coalesce(rule, broken)",
        "destination": f"if(broken is null, destination, '{Destination.QUARANTINE}')",
    }
    return judged.selectExpr("*", f"{broken} as broken").selectExpr(
        *[f"{final[name]} as {name}" if name in final else f"`{name}`" for name in columns]
    )


def to_judge(batch: DataFrame, repeats: DataFrame | None, *keep: str) -> DataFrame:
    """The columns of `batch` that `batches.BatchJudge` reads, REUSED included if there are repeats."""
    if repeats is None:
        return batch.select(*COORDINATES, *keep, "value", "kafka_headers", "event_id")
    return batch.join(repeats, ARRIVAL, "left").select(
        *COORDINATES, *keep, "value", "kafka_headers", "event_id", REUSED
    )
