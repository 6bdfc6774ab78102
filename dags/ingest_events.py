"""
### ingest_events: from Kafka to the tables

Every few minutes (setting `LAKEHOUSE_INGEST_EVERY_MINUTES`):

1. **look** asks Kafka whether there are new messages, and skips the rest if not, unless Redis came back without the
   live state. Its log warns of unread messages that Kafka will delete soon (setting `LAKEHOUSE_EXPIRY_WARNING_HOURS`);
   `make status` and `lakehouse metrics` show how many and when.
2. **drain** appends the planned messages to `raw.events` as they were sent, and plans the next batch.
3. **publish** checks every message against its contract, audits the batch with Great Expectations, and puts good rows
   into `game.*` and the others into `ops.quarantine` with a reason. Then it brings the live state in Redis up to date,
   or warns that it could not.
4. **verdict** turns the run red if an audit failed. No row of such a batch is published: all are in quarantine as
   `audit:<check>`. Later batches go on. The button *Data quality* of the task opens the page that says why. Correct
   the cause and start `replay_quarantine`, or start it with a waiver that accepts the batch.

Running it again, at any time and from any task, is safe: no message is lost or published twice.
"""

import datetime as dt

from airflow.sdk import DAG
from lakehouse_tasks import DEFAULTS, look_task, spark_task, verdict_task

from lakehouse.settings import Settings
from operations.verdict import entries_of

settings = Settings.load()

with DAG(
    "ingest_events",
    description="Drains Kafka into raw.events and publishes what passes its contract and its audit.",
    doc_md=__doc__,
    schedule=dt.timedelta(minutes=settings.ingest_every_minutes),
    start_date=dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["lakehouse", "ingest"],
):
    look = look_task()
    drain = spark_task(
        "drain",
        settings=settings,
        limit=dt.timedelta(minutes=30),
        if_it_fails="Nothing was moved that is not recorded. If its log names offsets that Kafka no longer holds, "
        "restore the topic, or give them up with `lakehouse accept-loss`; otherwise start what does not answer "
        "(`make status`); the next run goes on.",
    )
    publish = spark_task(
        "publish",
        settings=settings,
        limit=dt.timedelta(hours=1),
        if_it_fails="The batch stays in raw.events and the next run finishes it. If its log says that a balance or a "
        "rule is off, that must be corrected first; otherwise start what does not answer (`make status`).",
    )
    verdict = verdict_task(
        entries_of,
        if_it_fails="Its good rows are in ops.quarantine as audit:<check>, later batches flow. Correct the cause and "
        "start replay_quarantine, with a waiver if the batch is to be accepted as it is.",
    )
    look >> drain >> publish >> verdict
