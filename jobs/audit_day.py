"""Audits the daily tables of one built day and records the result in ops.audits."""

from __future__ import annotations

import datetime as dt
import sys

from jobs.runtime.at_work import at_work
from jobs.runtime.job import DAY, Job, start
from jobs.runtime.session import tune_for
from jobs.staging import checks
from lakehouse import names
from lakehouse.catalog.tables import AUDITS, schema_of
from lakehouse.catalog.views import PLAYER_INVENTORY


def audit(job: Job, day: dt.date) -> None:
    """Runs the expectations over the day's facts and the inventory that they add up to; writes one row."""
    from expectations.audit import audit_day

    tune_for(job.spark, None)
    facts = (names.DAILY_EVENT_COUNTS, names.DAILY_ITEM_SALES, names.PLAYER_ITEM_CHANGES)
    frames = {table.name: job.store.read(table) for table in facts}
    inventory = job.spark.sql(PLAYER_INVENTORY)  # the whole inventory, from the newest valid month on
    of_day = {name: frame.where(f"event_date = date '{day}'") for name, frame in frames.items()}
    with at_work(job, f"day {day} is audited"):
        result = audit_day({**of_day, "player_inventory": inventory}, name=f"day-{day}", settings=job.settings)
    now = dt.datetime.now(dt.UTC)
    rows = checks.rows_of(result.checks, job.contracts, now, day=day)
    job.store.add_rows(checks.frame_of(job, rows), names.CHECKS)  # first: what ops.audits names is there
    row = (
        f"day-{day}",
        day,
        job.airflow_run,
        result.verdict,
        list(result.failed_critical),
        names.day_page(day),
        now,
    )
    job.store.add_rows(job.spark.createDataFrame([row], schema_of(AUDITS)), names.AUDITS)
    job.say(f"day {day} is {result.verdict}; page {names.day_page(day)}")


if __name__ == "__main__":
    with start("audit_day", sys.argv[1:], DAY) as job:
        audit(job, job.day)
