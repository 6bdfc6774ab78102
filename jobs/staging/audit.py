"""Audits staged rows with Great Expectations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from jobs.staging import checks, files, refusals
from lakehouse import names
from lakehouse.ledger.entries import Decision, Snapshot
from lakehouse.ledger.vocabulary import Destination, Verdict

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from expectations.results import Check
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


def decide(
    job: Job,
    name: str,
    staged: DataFrame,
    tally: files.Tally,
    folder: str,
    terms: Terms,
    entry_id: int | None = None,
) -> Decision:
    """Audits what was staged into `folder`, `tally` as counted there, and says what that decides.

    The results of the checks are staged there too, for the entry; a dry run has none.
    The verdict is a ledger's: passed (then single rows may be refused), failed (all is held) or waived.
    """
    from expectations.audit import audit_batch

    checked = staged.selectExpr("*", f"destination = '{Destination.DUPLICATE}' as duplicate")
    counts, rows = tally
    result = audit_batch(
        checked,
        name=name,
        contracts=job.contracts,
        event_types=sorted(each for each in rows.all_of if each in job.contracts),
        good_rows=rows.good,
        history=terms.history,
        mix=terms.mix or {},
        settings=job.settings,
        held_by_rows=terms.held_by_rows,
        waived=terms.waived,
        rows=rows,
    )
    results = 0
    if entry_id is None:
        _say(job, result.checks)
    else:
        found = checks.rows_of(result.checks, job.contracts, dt.datetime.now(dt.UTC), entry_id=entry_id)
        results = checks.stage(job, found, folder)
    return Decision(
        job.attempt_id,
        job.judged_by,
        result.verdict,
        result.failed_critical,
        refusals.as_decided(counts, result.verdict),
        folder,
        "" if entry_id is None else names.batch_page(entry_id),
        refused=refusals.refused(staged, counts) if result.verdict == Verdict.PASSED else (),
        checks=results,
    )


def _say(job: Job, found: Sequence[Check]) -> None:
    """What a dry run found: it has no page."""
    for each in found:
        if not each.success:
            job.say(
                f"  check {each.name} ({each.severity}) would be {each.outcome}: {each.observed}; allowed: {each.allowed}"
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
