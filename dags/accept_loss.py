"""
### accept_loss: let ingest go on although Kafka lost messages

`ingest_events` is red and names offsets that expired before they were read, or a topic that was deleted or made again.
Nothing moves until somebody restores the topic, or starts this run by hand and says why the loss is accepted.

1. **accept_loss** compares the ledger with Kafka and records in `ops.losses` who accepts the loss, why, and which
   offsets are lost. The next run of `ingest_events` continues after these offsets. The task refuses if it finds other
   losses than were expected.

On the command line: `lakehouse accept-loss`, which shows the losses first.
"""

import datetime as dt

import lakehouse_forms as forms
from airflow.sdk import DAG, Param
from lakehouse_tasks import BY_HAND, WHO, WHY, spark_task

from lakehouse.settings import Settings
from lakehouse.texts import ONE_LINE

settings = Settings.load()

with DAG(
    "accept_loss",
    description="Records that messages which Kafka no longer holds are lost, so that ingest goes on.",
    doc_md=__doc__,
    **BY_HAND,
    max_active_runs=1,
    tags=["lakehouse", "ingest"],
    params={
        "why": forms.required_reason(
            "How it came to the loss, and why it is accepted; recorded with the Airflow login."
        ),
        "expected": Param(
            None,
            type=["null", "string"],
            pattern=ONE_LINE,
            title="Expected",
            description="The ranges as `lakehouse accept-loss` showed them; the run refuses if it finds others. "
            "Empty: whatever it finds.",
        ),
    },
):
    spark_task(
        "accept_loss",
        WHO,
        WHY,
        forms.EXPECTED,
        settings=settings,
        limit=dt.timedelta(minutes=15),
        if_it_fails="No loss was recorded. If its log names other offsets than were expected, look at them and start a "
        "new run; otherwise start what does not answer (`make status`) and clear this task.",
    )
