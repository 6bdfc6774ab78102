"""
### maintain_tables: keep the tables fast, small and true

Runs every hour, while ingest goes on. Each task changes files or metadata, never rows:

1. **compact** joins the small files of raw and game of today and yesterday.
2. **daily_due** lets **daily** run once a day, after 03:00 UTC, or by hand with the switch *Daily work too*. It deletes
   files that no table version of the last seven days needs, cleans staging, and compares Delta, metastore and Trino.
3. **find_changed_days**, **build_changed_days** start `build_day` again for each built day that a later ledger entry
   changed (a replay, a rebuild, an erasure, a batch that came late). The run's configuration says which entry.
"""

import datetime as dt
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, Param
from lakehouse_tasks import DEFAULTS, changed_days_tasks, only_if, spark_task

from lakehouse.settings import Settings

DAILY_HOUR = 3  # UTC; when build_day of the day before is usually done
settings = Settings.load()


def daily_due(context: Any) -> bool:
    return bool(context["params"]["daily"]) or context["dag_run"].run_after.hour == DAILY_HOUR


with DAG(
    "maintain_tables",
    description="Compacts and vacuums tables, compares their schemas, and builds changed days again.",
    doc_md=__doc__,
    # Without a start date a new stack waits for the next hour, instead of running at once for the last one. (With
    # `False` it would still do that within the first six minutes of an hour.)
    schedule=CronTriggerTimetable("17 * * * *", timezone="UTC", run_immediately=dt.timedelta(0)),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["lakehouse", "maintenance"],
    params={
        "daily": Param(
            False, type="boolean", title="Daily work too", description="Do now what is otherwise done once a day."
        )
    },
):
    nothing_lost = "No rows are changed by it, and the next run does what is left. If it fails again, its log says why."
    compact = spark_task(
        "compact",
        "--task",
        "compact",
        job="maintain",
        settings=settings,
        limit=dt.timedelta(minutes=45),
        if_it_fails=nothing_lost,
    )
    daily = spark_task(
        "daily",
        "--task",
        "daily",
        job="maintain",
        settings=settings,
        limit=dt.timedelta(hours=3),
        if_it_fails=nothing_lost,
    )
    compact >> only_if("daily_due", daily_due) >> daily
    changed_days_tasks()  # beside them: a compaction that fails must not keep a day from being built
