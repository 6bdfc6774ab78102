"""A dry run of a replay: judges and audits what it would take, and changes no table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.entries.replay import rejudge
from jobs.staging.files import read
from lakehouse import names
from lakehouse.ledger.entries import Request

if TYPE_CHECKING:
    from jobs.runtime.job import Job


def report(job: Job, request: Request) -> None:
    """Judges and audits the messages that the request selects, and logs what would become of them. Changes no table."""
    folder = f"{job.settings.warehouse_uri}/{names.STAGING}/dry_run/{job.attempt_id}"
    decision = rejudge(job, request, folder, f"dry-run-{job.attempt_id[:12]}")
    for each in sorted({c.destination for c in decision.counts}):
        rows = sum(c.rows for c in decision.counts if c.destination == each)
        job.say(f"  would go to {each}: {rows}")
    again = read(job.spark, folder).where("reason_code is not null").groupBy("reason_code").count().collect()
    for row in sorted(again, key=lambda row: str(row["reason_code"])):
        job.say(f"  would fail again: {row['count']} by {row['reason_code']}")
    for refusal in decision.refused:
        job.say(f"  would be refused again: {refusal.rows} by audit:{refusal.rule}")
    job.say(
        f"the audit would be {decision.verdict} {', '.join(decision.failed_checks)}; "
        "this was a dry run, nothing was changed"
    )
