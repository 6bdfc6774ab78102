"""
### discard_quarantine: close quarantined messages that will never be published

Started by hand. The form selects open rows of `ops.quarantine`. It starts as a dry run.

1. **discard** records in `ops.quarantine_actions` for each selected row that it is discarded, by whom and why. The rows
   stay readable in `ops.quarantine`, and the messages in `raw.events`. They leave `ops.quarantine_open`, and neither
   replays nor rebuilds publish them.
2. **verdict** turns the run red if the discard was abandoned.

On the command line: `lakehouse quarantine discard`.
"""

import datetime as dt

import lakehouse_forms as forms
from airflow.sdk import DAG
from lakehouse_tasks import BY_HAND, WHO, WHY, spark_task, verdict_task

from lakehouse.contract.load import load_contracts
from lakehouse.settings import Settings
from operations.verdict import entries_of

settings = Settings.load()

with DAG(
    "discard_quarantine",
    description="Records that messages in quarantine will never be published.",
    doc_md=__doc__,
    **BY_HAND,
    tags=["lakehouse", "quarantine"],
    params=forms.selection(
        load_contracts(settings.contracts), why="Why these messages are given up; recorded with the Airflow login."
    ),
):
    discard = spark_task(
        "discard",
        forms.SELECTION,
        WHO,
        WHY,
        forms.DRY_RUN,
        settings=settings,
        limit=dt.timedelta(minutes=30),
        if_it_fails="Rows that it did not record are still open. Its log says what is wrong; correct that, or start "
        "what does not answer (`make status`), and start a new run: nothing is recorded twice.",
    )
    verdict = verdict_task(entries_of, if_it_fails="These rows are still open. Start a new run.")
    discard >> verdict
