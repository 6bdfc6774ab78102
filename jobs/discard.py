"""Discard: gives up quarantined messages; they stay in raw and in ops.quarantine, but are no longer open."""

from __future__ import annotations

import sys

from jobs import asking
from jobs.job import SELECTION, WHO, WHY, Job, job, selection_of
from jobs.ledger import DISCARD, Request
from jobs.quarantined import condition_of, open_rows
from jobs.replay import DRY_RUN


def discard(run: Job) -> None:
    """Discards what the options select."""
    selection = selection_of(run.options.selection)
    through = run.ledger.read().last_entry_id
    waiting = open_rows(run, condition_of(selection, through)).groupBy("reason_code").count().collect()
    for row in sorted(waiting, key=lambda row: str(row["reason_code"])):
        run.say(f"  open in quarantine: {row['count']} of {row['reason_code']}")
    if not waiting:
        run.say("nothing that is open in quarantine is selected; nothing to discard")
    elif run.options.dry_run:
        run.say("these would be discarded; this was a dry run, nothing was changed")
    else:
        asking.carry_out(run, Request(DISCARD, run.options.who, run.options.why, through, selection=selection))


if __name__ == "__main__":
    with job("discard", sys.argv[1:], SELECTION, WHO, WHY, DRY_RUN) as this:
        discard(this)
