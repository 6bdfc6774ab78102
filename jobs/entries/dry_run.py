"""A dry run of a replay: judges and audits what it would take, and changes no table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.entries.replay import rejudge
from jobs.ledger.store import Request
from jobs.staging.files import read
from lakehouse import names

if TYPE_CHECKING:
    from jobs.runtime.job import Job


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
    for refusal in decision.refused:
        run.say(f"  would be refused again: {refusal.rows} by audit:{refusal.rule}")
    run.say(
        f"the audit would be {decision.verdict} {', '.join(decision.failed_checks)} (page {decision.page}); "
        "this was a dry run, nothing was changed"
    )
