"""Replay: judges quarantined messages anew by today's contracts, and publishes those that are good now."""

from __future__ import annotations

import sys

from jobs import asking
from jobs.job import REASON, SELECTION, WHO, WHY, Job, Option, job, selection_of
from jobs.ledger import REPLAY, Request
from jobs.quarantined import condition_of, say_open
from jobs.stage_replay import rejudge
from jobs.staging import read
from lakehouse import names

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
    asking.carry_out(run, request)


def foretell(run: Job, request: Request) -> None:
    """Judges and audits what the request would take, and says what would become of it; changes no table."""
    folder = f"{run.settings.warehouse_uri}/{names.STAGING}/dry_run/{run.attempt_id}"
    decision = rejudge(run, request, folder, f"dry-run-{run.attempt_id[:12]}")
    for each in sorted({c.destination for c in decision.counts}):
        rows = sum(c.rows for c in decision.counts if c.destination == each)
        run.say(f"  would go to {each}: {rows}")
    again = read(run.spark, folder).where("reason_code is not null").groupBy("reason_code").count().collect()
    for row in sorted(again, key=lambda row: str(row["reason_code"])):
        run.say(f"  would fail again: {row['count']} by {row['reason_code']}")
    for each in decision.refused:
        run.say(f"  would be refused again: {each.rows} by audit:{each.rule}")
    run.say(
        f"the audit would be {decision.verdict} {', '.join(decision.failed_checks)} (page {decision.page}); "
        "this was a dry run, nothing was changed"
    )


if __name__ == "__main__":
    with job("replay", sys.argv[1:], SELECTION, WHO, WHY, WAIVER, DRY_RUN) as this:
        replay(this)
