"""Plans what somebody asked for as an entry of the ledger, and closes it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jobs.entries.commit import close_all
from jobs.ledger.store import REBUILD, Entry, LedgerError, Request

if TYPE_CHECKING:
    from jobs.runtime.job import Job

TRIES = 20


def carry_out(run: Job, request: Request) -> Entry:
    """Plans the request as an entry of its own, closes all entries up to it, and returns it closed.

    A request that this Airflow run planned before it was stopped is finished, not planned again.

    Raises:
        LedgerError: other writers took every number that was tried, or the entry is still open.
    """
    entry = _planned_before(run, request) or _plan(run, request)
    run.say(f"entry {entry.entry_id} is this {request.kind}")
    close_all(run)
    entry = run.ledger.read_entry(entry.entry_id)
    if not entry.closed:
        raise LedgerError(f"entry {entry.entry_id} is still open; the next run of any job goes on with it")
    return entry


def _planned_before(run: Job, request: Request) -> Entry | None:
    """An open entry of the same Airflow run that asks for the same."""
    for entry in run.ledger.read().open_entries:
        if entry.request and entry.run == run.run and replace(entry.request, through=request.through) == request:
            return entry
    return None


def _plan(run: Job, request: Request) -> Entry:
    for _ in range(TRIES):
        entry_id = run.ledger.read().last_entry_id + 1
        run.hooks.at("before_plan")
        # All but a rebuild look at every entry below their own: only with the number is it known which these are.
        through = request.through if request.kind == REBUILD else entry_id - 1
        run.ledger.plan_request(entry_id, replace(request, through=through))
        run.hooks.at("after_plan")
        entry = run.ledger.read_entry(entry_id)
        if entry.planned_by == run.attempt_id:
            return entry
    raise LedgerError(f"other writers took each of {TRIES} entries that were tried for this {request.kind}; try again")
