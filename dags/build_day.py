"""
### build_day: the daily tables of one day

Each night for the day before, and by *Backfill* for any days:

1. **wait_complete** waits until every message of the day (by Kafka's time, UTC) is published. It takes no slot.
2. **rollup** replaces the day in `game.daily_event_counts`, `game.daily_item_sales` and `game.player_item_changes`.
3. **audit** checks the built day, and the stock that follows from all days.
4. **verdict** turns the run red if a critical check failed. The button *Data quality* opens the page that says why.

Triggered by hand, the form takes the day. Building a day again gives the same rows, or better ones if more is known.
"""

import datetime as dt

from airflow.sdk import DAG, CronDataIntervalTimetable, Param
from lakehouse_tasks import DAY, DEFAULTS, spark_task, verdict_task, wait_complete_task

from lakehouse.settings import Settings
from lakehouse.verdict import days_of

settings = Settings.load()

with DAG(
    "build_day",
    description="Builds and audits the daily tables of one day, once all of its messages are published.",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=4,  # so that a day that waits does not hold up the others
    default_args=DEFAULTS,
    tags=["lakehouse", "daily"],
    params={
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Day",
            description="The day to build (UTC). Empty: the run's own day, which is yesterday for a run triggered now.",
        )
    },
):
    wait_complete = wait_complete_task(limit=dt.timedelta(hours=6))
    rollup = spark_task(
        "rollup",
        "--day",
        DAY,
        settings=settings,
        limit=dt.timedelta(hours=1),
        if_it_fails="The day's tables are as they were. Start what does not answer (`make status`), clear this task.",
    )
    audit = spark_task(
        "audit",
        "--day",
        DAY,
        settings=settings,
        limit=dt.timedelta(minutes=30),
        if_it_fails="The day is built but not audited. Start what does not answer (`make status`) and clear this task.",
    )
    verdict = verdict_task(
        days_of,
        if_it_fails="The built day is visible. Correct the cause in the events (see its page), "
        "then clear rollup to build it again.",
    )
    wait_complete >> rollup >> audit >> verdict
