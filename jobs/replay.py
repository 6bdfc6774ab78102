"""Replay: judges quarantined messages again by today's contracts, and publishes those that pass."""

from __future__ import annotations

import sys

from jobs.entries import submit
from jobs.entries.dry_run import report
from jobs.live.follow import follow
from jobs.runtime.job import REASON, SELECTION, WHO, WHY, Job, Option, selection_of, start
from jobs.staging.open_quarantine import condition_of, report_open
from lakehouse.ledger.entries import Request
from lakehouse.ledger.vocabulary import Kind

WAIVER: Option = (
    "--waiver",
    {"default": None, "type": REASON, "help": "why a failed audit is accepted; without it, it is not"},
)
DRY_RUN: Option = ("--dry-run", {"action": "store_true", "help": "say what would happen, and change nothing"})


def replay(job: Job) -> None:
    """Replays the messages that the options select."""
    selection = selection_of(job.options.selection)
    through = job.ledger.read().last_entry_id
    request = Request(
        Kind.REPLAY, job.options.who, job.options.why, through, selection=selection, waiver=job.options.waiver
    )
    if not report_open(job, condition_of(selection, through)):
        job.say("nothing that is open in quarantine is selected; nothing to replay")
        return
    if job.options.dry_run:
        report(job, request)
        return
    submit.carry_out(job, request)


if __name__ == "__main__":
    with start("replay", sys.argv[1:], SELECTION, WHO, WHY, WAIVER, DRY_RUN) as job:
        replay(job)
        follow(job)
