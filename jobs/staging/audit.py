"""Audits staged rows with Great Expectations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from jobs.staging import refusals
from lakehouse.ledger.entries import Count, Decision, Snapshot
from lakehouse.ledger.vocabulary import Destination, Verdict

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.runtime.job import Job


class Terms(NamedTuple):
    """How an audit concludes.

    history, mix: of earlier batches (see `recent`); without them no check compares with earlier batches.
    held_by_rows: whether too many rows that break a rule of rows hold all. waived: whether all findings are accepted.
    """

    history: Sequence[int] = ()
    mix: Mapping[str, float] | None = None
    held_by_rows: bool = True
    waived: bool = False


def decide(job: Job, name: str, staged: DataFrame, counts: Sequence[Count], folder: str, terms: Terms) -> Decision:
    """Audits what was staged into `folder`, `counts` as counted there, and says what that decides.

    The verdict is a ledger's: passed (then single rows may be refused), failed (all is held) or waived.
    """
    from expectations.audit import audit_batch

    checked = staged.selectExpr("*", f"destination = '{Destination.DUPLICATE}' as duplicate")
    present = checked.where("event_type is not null").select("event_type").distinct().collect()
    result = audit_batch(
        checked,
        name=name,
        contracts=job.contracts,
        event_types=sorted(row["event_type"] for row in present if row["event_type"] in job.contracts),
        good_rows=refusals.good_rows(counts),
        history=terms.history,
        mix=terms.mix or {},
        settings=job.settings,
        held_by_rows=terms.held_by_rows,
        waived=terms.waived,
    )
    return Decision(
        job.attempt_id,
        job.judged_by,
        result.verdict,
        result.failed_critical,
        refusals.as_decided(counts, result.verdict),
        folder,
        result.page,
        refused=refusals.refused(staged, counts) if result.verdict == Verdict.PASSED else (),
    )


def recent(job: Job, snapshot: Snapshot) -> tuple[list[int], dict[str, float]]:
    """Sizes of the last decided batches, newest first, and the share of each event type in them."""
    sizes = [sum(c.rows for c in counts) for counts in snapshot.recent_counts]
    types = {contract.table: contract.event_type for contract in job.contracts.values()}
    published: dict[str, int] = {}
    for counts in snapshot.recent_counts:
        for each in counts:
            if each.destination in types:
                published[types[each.destination]] = published.get(types[each.destination], 0) + each.rows
    total = sum(published.values())
    return sizes, {name: rows / total for name, rows in published.items()}
