"""Plans a person's request as an entry of the ledger, and closes it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jobs.entries.commit import close_all
from lakehouse.ledger.entries import Entry, LedgerError, Request
from lakehouse.ledger.vocabulary import Kind

if TYPE_CHECKING:
    from jobs.runtime.job import Job

TRIES = 20


def carry_out(job: Job, request: Request) -> Entry:
    """Plans the request as an entry of its own, closes all entries up to it, and returns it closed.

    A request that this Airflow run planned before it was stopped is finished, not planned again.

    Raises:
        LedgerError: other writers took every number that was tried, or the entry is still open.
    """
    entry = _planned_before(job, request) or _plan(job, request)
    job.say(f"entry {entry.entry_id} is this {request.kind}")
    close_all(job)
    entry = job.ledger.read_entry(entry.entry_id)
    if not entry.closed:
        raise LedgerError(f"entry {entry.entry_id} is still open; the next run of any job goes on with it")
    return entry


def _planned_before(job: Job, request: Request) -> Entry | None:
    """An open entry of the same Airflow run that asks for the same."""
    for entry in job.ledger.read().open_entries:
        if (
            entry.request
            and entry.run == job.airflow_run
            and replace(entry.request, through=request.through) == request
        ):
            return entry
    return None


def _plan(job: Job, request: Request) -> Entry:
    for _ in range(TRIES):
        entry_id = job.ledger.read().last_entry_id + 1
        job.hooks.at("before_plan")
        # All kinds except a rebuild read every entry below their own, which are known only once the number is.
        through = request.through if request.kind == Kind.REBUILD else entry_id - 1
        job.ledger.plan_request(entry_id, replace(request, through=through))
        job.hooks.at("after_plan")
        entry = job.ledger.read_entry(entry_id)
        if entry.planned_by == job.attempt_id:
            return entry
    raise LedgerError(f"other writers took each of {TRIES} entries that were tried for this {request.kind}; try again")
