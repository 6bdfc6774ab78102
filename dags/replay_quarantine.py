"""
### replay_quarantine: publish what is in quarantine after its cause was corrected

Started by hand; the form says which open rows of `ops.quarantine`. First as a dry run, which is how the form starts.

1. **replay** checks the selected messages against today's contracts, audits what passes, and publishes it to where it
   belongs: same envelope, original times, offsets and batch. What fails again stays in quarantine with its new reason.
   `ops.quarantine_actions` says who did it and why. A second replay, or two at once, add nothing.
2. **verdict** turns the run red if the audit failed or the replay was abandoned.
3. **find_changed_days**, **build_changed_days** start `build_day` for the days that were built before and now have more.

Of a batch that its audit holds back (`audit:<check>`) a replay publishes all rows that break no rule themselves; those
that do return to quarantine. A replay with a **waiver** accepts these too, and a failed check of the whole batch: the
audit still runs and its page shows what failed, but the rows are published, and rebuilds honour it.
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
            "Publish the rows although their audit fails: say why that is right; it is recorded with your "
            "name. Empty: rows of a failed audit stay in quarantine.",
        ),
        why="What was corrected, or why this replay; recorded with your name.",
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
