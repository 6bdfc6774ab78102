"""Discard: gives up quarantined messages. They stay in raw and in ops.quarantine, but are no longer open."""

from __future__ import annotations

import sys

from jobs.entries import submit
from jobs.live.follow import follow
from jobs.replay import DRY_RUN
from jobs.runtime.job import SELECTION, WHO, WHY, Job, selection_of, start
from jobs.staging.open_quarantine import condition_of, report_open
from lakehouse.ledger.entries import Request
from lakehouse.ledger.vocabulary import Kind


def discard(job: Job) -> None:
    """Discards the messages that the options select."""
    selection = selection_of(job.options.selection)
    through = job.ledger.read().last_entry_id
    if not report_open(job, condition_of(selection, through)):
        job.say("nothing that is open in quarantine is selected; nothing to discard")
    elif job.options.dry_run:
        job.say("these would be discarded; this was a dry run, nothing was changed")
    else:
        submit.carry_out(job, Request(Kind.DISCARD, job.options.who, job.options.why, through, selection=selection))


if __name__ == "__main__":
    with start("discard", sys.argv[1:], SELECTION, WHO, WHY, DRY_RUN) as job:
        discard(job)
        follow(job)
