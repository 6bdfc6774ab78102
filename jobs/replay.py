"""Replay: judges quarantined messages anew by today's contracts, and publishes those that are good now."""

from __future__ import annotations

import sys

from jobs.entries import submit
from jobs.entries.dry_run import foretell
from jobs.ledger.store import REPLAY, Request
from jobs.runtime.job import REASON, SELECTION, WHO, WHY, Job, Option, job, selection_of
from jobs.staging.open_quarantine import condition_of, say_open

WAIVER: Option = (
    "--waiver",
    {"default": None, "type": REASON, "help": "why a failed audit is accepted; without it, it is not"},
)
DRY_RUN: Option = ("--dry-run", {"action": "store_true", "help": "say what would happen, and change nothing"})


def replay(run: Job) -> None:
    """Replays what the options select."""
    selection = selection_of(run.options.selection)
    through = run.ledger.read().last_entry_id
    request = Request(REPLAY, run.options.who, run.options.why, through, selection=selection, waiver=run.options.waiver)
    if not say_open(run, condition_of(selection, through)):
        run.say("nothing that is open in quarantine is selected; nothing to replay")
        return
    if run.options.dry_run:
        foretell(run, request)
        return
    submit.carry_out(run, request)


if __name__ == "__main__":
    with job("replay", sys.argv[1:], SELECTION, WHO, WHY, WAIVER, DRY_RUN) as this:
        replay(this)
