"""Audits staged rows with Great Expectations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from jobs.ledger import FAILED, PASSED, Snapshot
from lakehouse.destinations import DUPLICATE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.job import Job


def audit(
    run: Job, name: str, staged: DataFrame, history: Sequence[int] = (), mix: Mapping[str, float] | None = None
) -> tuple[str, tuple[str, ...], str]:
    """Runs the expectations over staged rows; those that need earlier batches only if `history` and `mix` are given.

    Returns:
        The verdict, the names of failed critical checks, and the page.
    """
    from expectations.audit import audit_batch

    checked = staged.selectExpr("*", f"destination = '{DUPLICATE}' as duplicate")
    present = checked.where("event_type is not null").select("event_type").distinct().collect()
    result = audit_batch(
        checked,
        name=name,
        contracts=run.contracts,
        event_types=sorted(row["event_type"] for row in present if row["event_type"] in run.contracts),
        history=history,
        mix=mix or {},
        settings=run.settings,
    )
    return (PASSED if result.verdict == "passed" else FAILED), result.failed_critical, result.page


def recent(run: Job, snapshot: Snapshot) -> tuple[list[int], dict[str, float]]:
    """Sizes of the last decided batches, newest first, and the share of each event type in them."""
    sizes = [sum(c.rows for c in counts) for counts in snapshot.recent_counts]
    types = {contract.table: contract.event_type for contract in run.contracts.values()}
    published: dict[str, int] = {}
    for counts in snapshot.recent_counts:
        for each in counts:
            if each.destination in types:
                published[types[each.destination]] = published.get(types[each.destination], 0) + each.rows
    total = sum(published.values())
    return sizes, {name: rows / total for name, rows in published.items()}
