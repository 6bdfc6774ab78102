"""
### maintain_tables: keep the tables fast, small and true

Runs every hour, while ingest goes on. Each task changes files or metadata, never rows:

1. **compact** joins the small files of raw and game of today and yesterday.
2. **daily_due** lets **daily** run once a day: in the first run after 03:00 UTC, whenever that is, or by hand with the
   switch *Daily work too*. It deletes files that no table version of the last seven days needs, cleans staging, and
   compares Delta, metastore and Trino. Once a day, too, **forget_old_runs** deletes Airflow's own runs and logs of more
   than a month ago (`LAKEHOUSE_AIRFLOW_HISTORY_DAYS`), and **checkpoint_hdfs** merges the NameNode's log into its image.
3. **find_changed_days**, **build_changed_days** start `build_day` again for each built day that a later ledger entry
   changed (a replay, a rebuild, an erasure, a batch that came late). The run's configuration says which entry.
"""

import datetime as dt
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, Param
from lakehouse_tasks import DEFAULTS, changed_days_tasks, only_if, servers_upkeep_tasks, spark_task

from lakehouse.settings import Settings

DAILY_HOUR = 3  # UTC; when build_day of the day before is usually done
MINUTE = 17
settings = Settings.load()


def daily_due(context: Any) -> bool:
    """Whether no run since 03:00 UTC has come to the daily work. The first run of a new stack leaves it: nothing is old."""
    run, task = context["dag_run"], context["ti"]
    if context["params"]["daily"] or run.run_type == "manual":
        return bool(context["params"]["daily"])
    if task.get_previous_dagrun() is None:
        return False
    earlier = runs_since_the_hour(run.run_after)
    counted = {"task_ids": ["daily"], "states": ["success", "failed"], "logical_dates": earlier}
    return not earlier or task.get_ti_count(task.dag_id, **counted) == 0


def runs_since_the_hour(now: dt.datetime) -> list[dt.datetime]:
    """When runs were due from DAILY_HOUR on, the one of `now` left out; at most a day's."""
    first = now.replace(hour=DAILY_HOUR, minute=MINUTE, second=0, microsecond=0)
    if first > now:
        first -= dt.timedelta(days=1)
    due = (first + dt.timedelta(hours=hour) for hour in range(24))
    return [each for each in due if each < now]


with DAG(
    "maintain_tables",
    description="Compacts and vacuums tables, compares their schemas, and builds changed days again.",
    doc_md=__doc__,
    # Without a start date a new stack waits for the next hour, instead of running at once for the last one. (With
    # `False` it would still do that within the first six minutes of an hour.)
    schedule=CronTriggerTimetable(f"{MINUTE} * * * *", timezone="UTC", run_immediately=dt.timedelta(0)),
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
    spark_task(
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
    # Each beside the others: a compaction that fails must not keep files from being deleted, or a day from being built.
    only_if("daily_due", daily_due) >> [daily, *servers_upkeep_tasks()]
    changed_days_tasks()
