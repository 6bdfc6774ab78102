"""Discard: gives up quarantined messages; they stay in raw and in ops.quarantine, but are no longer open."""

from __future__ import annotations

import sys

from jobs.entries import submit
from jobs.ledger.store import DISCARD, Request
from jobs.replay import DRY_RUN
from jobs.runtime.job import SELECTION, WHO, WHY, Job, job, selection_of
from jobs.staging.open_quarantine import condition_of, say_open


def discard(run: Job) -> None:
    """Discards what the options select."""
    selection = selection_of(run.options.selection)
    through = run.ledger.read().last_entry_id
    if not say_open(run, condition_of(selection, through)):
        run.say("nothing that is open in quarantine is selected; nothing to discard")
    elif run.options.dry_run:
        run.say("these would be discarded; this was a dry run, nothing was changed")
    else:
        submit.carry_out(run, Request(DISCARD, run.options.who, run.options.why, through, selection=selection))


if __name__ == "__main__":
    with job("discard", sys.argv[1:], SELECTION, WHO, WHY, DRY_RUN) as this:
        discard(this)
