"""
### replay_quarantine: publish what is in quarantine after its cause was corrected

Started by hand. The form selects open rows of `ops.quarantine`. It starts as a dry run.

1. **replay** checks the selected messages against today's contracts, audits those that pass, and publishes them to
   their event tables with their original envelope, times, offsets and batch. Messages that fail again stay in
   quarantine with their new reason. `ops.quarantine_actions` says who replayed them and why. A second replay, even at
   the same time, adds nothing.
2. **verdict** turns the run red if the audit failed or the replay was abandoned.
3. **find_changed_days**, **build_changed_days** start `build_day` for the days that were built before and now have
   more.

If an audit held a whole batch (`audit:<check>`), a replay publishes all of its rows that break no rule themselves. The
others return to quarantine. A replay with a **waiver** accepts these too, and a failed check of the whole batch: the
audit still runs and its page shows what failed, but the rows are published. Rebuilds honour the waiver.

On the command line: `lakehouse quarantine replay`.
"""

import datetime as dt

import lakehouse_forms as forms
from airflow.sdk import DAG
from lakehouse_tasks import BY_HAND, WHO, WHY, changed_days_tasks, spark_task, verdict_task

from lakehouse.contract.load import load_contracts
from lakehouse.settings import Settings
from operations.verdict import entries_of

settings = Settings.load()

with DAG(
    "replay_quarantine",
    description="Checks messages in quarantine again and publishes those that pass today's contracts.",
    doc_md=__doc__,
    **BY_HAND,
    tags=["lakehouse", "quarantine"],
    params=forms.selection(
        load_contracts(settings.contracts),
        waiver=forms.optional_reason(
            "Waiver",
            "Publish the rows although their audit fails: say why that is right; it is recorded with the "
            "Airflow login. Empty: rows of a failed audit stay in quarantine.",
        ),
        why="What was corrected, or why this replay; recorded with the Airflow login.",
    ),
):
    replay = spark_task(
        "replay",
        forms.SELECTION,
        WHO,
        WHY,
        forms.WAIVER,
        forms.DRY_RUN,
        settings=settings,
        limit=dt.timedelta(hours=1),
        if_it_fails="Rows that it did not publish are still in quarantine. Its log says what is wrong; correct that, or "
        "start what does not answer (`make status`), and start a new run: nothing is published twice.",
    )
    verdict = verdict_task(
        entries_of,
        if_it_fails="These rows are still in ops.quarantine. Correct the cause, or replay them with a waiver.",
    )
    find, _ = changed_days_tasks()
    replay >> verdict >> find
