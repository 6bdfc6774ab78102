"""
### build_day: the daily tables of one day

Each night for the day before, and by *Backfill* for any days:

1. **wait_complete** waits until every message of the day (by Kafka's time, UTC) is published. It takes no slot.
2. **rebuild**, only if the form asks for it (**rebuild_asked**), makes the day's event tables anew from `raw.events`
   with today's contracts, while ingest goes on. The ledger entry counts each table's rows before and after, and those
   changed.
3. **rollup** replaces the day in `game.daily_event_counts`, `game.daily_item_sales` and `game.player_item_changes`.
4. **audit** checks the built day, and the inventory that follows from all days.
5. **verdict** turns the run red if a critical check failed or the rebuild was abandoned. The button *Data quality*
   opens the page that says why.

*Trigger* opens a form that takes the day. Building a day again gives the same rows, or more complete ones. For a range
of days use *Backfill*, `airflow backfill create`, or `lakehouse backfill`, which first shows what it would do. If a
built day changes later, `maintain_tables` starts another run, whose configuration says what changed the day.

**Provisional** builds the running day with what is published until now, to look at it before the night. Such a day
counts as not built: `ops.day_builds` says *provisional*, and the nightly run takes its place.
"""

import datetime as dt

import lakehouse_forms as forms
from airflow.sdk import DAG, CronDataIntervalTimetable, Param, TriggerRule
from lakehouse_tasks import DAY, DEFAULTS, WHO, only_if, spark_task, verdict_task, wait_complete_task

from lakehouse.contract.load import load_contracts
from lakehouse.settings import Settings
from operations.verdict import entries_and_days_of

settings = Settings.load()

with DAG(
    "build_day",
    description="Builds and audits the daily tables of one day, once all of its messages are published.",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=4,  # so that one waiting day does not hold up the others
    default_args=DEFAULTS,
    tags=["lakehouse", "daily"],
    params={
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Day",
            description="The day to build (UTC). Empty: the run's own day, which is yesterday for a run triggered now.",
        ),
        "provisional": Param(
            False,
            type="boolean",
            title="Provisional",
            description="Build today with what is published until now. The nightly run takes its place.",
        ),
        "rebuild_from_raw": Param(
            False,
            type="boolean",
            title="Rebuild from raw",
            description="First make the day's event tables anew from raw.events, with today's contracts.",
        ),
        "tables": Param(
            None,
            type=["null", "array"],
            items={"type": "string", "enum": list(load_contracts(settings.contracts).tables)},
            title="Tables",
            description="Event tables to rebuild, one a line. Empty: all. Only with Rebuild from raw.",
        ),
        "reason": forms.optional_reason("Reason", "Why the day is built again; a rebuild records it with the login."),
    },
):
    wait_complete = wait_complete_task(limit=dt.timedelta(hours=6))
    rebuild_asked = only_if("rebuild_asked", lambda context: bool(context["params"]["rebuild_from_raw"]))
    rebuild = spark_task(
        "rebuild",
        "--day",
        DAY,
        WHO,
        "--why={{ params.reason or 'no reason given' }}",
        forms.TABLES,
        settings=settings,
        limit=dt.timedelta(hours=2),
        if_it_fails="The day's tables are as they were, or as the rebuild makes them: a retry or the next run of "
        "ingest_events finishes or abandons it. Start what does not answer (`make status`), clear this task.",
    )
    rollup = spark_task(
        "rollup",
        "--day",
        DAY,
        "{{ '--provisional' if params.provisional else '' }}",
        settings=settings,
        limit=dt.timedelta(hours=1),
        if_it_fails="The day's tables are as they were. Start what does not answer (`make status`), clear this task.",
        trigger_rule=TriggerRule.NONE_FAILED,  # runs whether or not a rebuild was asked for
    )
    audit = spark_task(
        "audit",
        "--day",
        DAY,
        job="audit_day",
        settings=settings,
        limit=dt.timedelta(minutes=30),
        if_it_fails="The day is built but not audited. Start what does not answer (`make status`) and clear this task.",
    )
    verdict = verdict_task(
        entries_and_days_of,
        if_it_fails="A built day is visible; one whose rebuild failed is as it was. Correct the cause in the events or "
        "the contracts (see the page), then build the day again.",
    )
    wait_complete >> rebuild_asked >> rebuild >> rollup >> audit >> verdict
