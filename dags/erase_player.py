"""
### erase_player: delete a player's data everywhere, after an approval

Started by hand with the player and the reason.

1. **approve** waits up to seven days for a person: *Required actions* of the run, or the bell of the front page. The
   run's configuration (*Details*) names the player. *Reject* ends the run; nothing is deleted.
2. **erase** deletes the player from game tables, daily tables, quarantine, raw and staging, and puts a
   keyed hash on the suppression list, so that no replay or rebuild brings the player back.
3. **verdict** turns the run red if the erasure was abandoned.
4. **find_changed_days**, **build_changed_days** start `build_day` for the days that were built with the player.

`ops.erasures` says when the player was erased and, once the old files are gone, when the data were purged. No task
shows or logs the name. **Airflow itself keeps the name in the configuration of this run**, which its API cannot change:
delete the run when it is green (*Delete run*, or `lakehouse erase-player --forget`). Who asked and why stay in the
ledger.

On the command line: `lakehouse erase-player`.
"""

import datetime as dt

import lakehouse_forms as forms
from airflow.sdk import DAG, Param
from lakehouse_tasks import (
    BY_HAND,
    WHO,
    WHY,
    approval_task,
    changed_days_tasks,
    hand_player_on,
    spark_task,
    verdict_task,
)

from lakehouse.settings import Settings
from operations.verdict import entries_of

LONGEST_PLAYER = 32_000  # characters: of four bytes each they fit into one environment variable, 128 KiB

settings = Settings.load()

with DAG(
    "erase_player",
    description="Deletes a player everywhere, once somebody approved.",
    doc_md=__doc__,
    **BY_HAND,
    tags=["lakehouse", "privacy"],
    params={
        "player": Param(
            type="string",
            minLength=1,
            maxLength=LONGEST_PLAYER,
            pattern=r"^(?![\s\S]*\u0000)",  # the one character that no environment of a process can hold
            title="Player",
            description="Exactly as in the column `player`. Airflow keeps it until this run is deleted.",
        ),
        "why": forms.required_reason(
            "The request this answers, without the player's name; recorded with the Airflow login."
        ),
    },
):
    approve = approval_task(
        subject="Erase a player, for ever?",
        # as a block of code, since the page reads Markdown; it is one line, see lakehouse/texts.py
        body="Asked by {{ dag_run.triggering_user_name or 'schedule' }}:\n\n    {{ params.why }}\n\n"
        "The player is in this run's configuration (*Details*). *Approve* deletes; it cannot be undone.",
        limit=dt.timedelta(days=7),
    )
    erase = spark_task(
        "erase",
        WHO,
        WHY,
        settings=settings,
        limit=dt.timedelta(hours=2),
        before=hand_player_on,
        if_it_fails="The player may be deleted in part. Its log says what is wrong; correct that, or start what does "
        "not answer (`make status`), and clear this task: it goes on where it was.",
    )
    verdict = verdict_task(entries_of, if_it_fails="The player is not erased. Start a new run.")
    find, _ = changed_days_tasks()
    approve >> erase >> verdict >> find
