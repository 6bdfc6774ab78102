"""
### rebuild_live: make the live state anew

The live state is what the API shows at `/players/<player>`: a hash in Redis for each player, which follows the ledger
after each entry. It repairs itself: each run of a job goes on where the last one ended, and makes all of it anew if Redis
came back empty. This run does the same at once.

**rebuild_live** makes all players' hashes from the event tables, beside the old ones, which are read until it is done. It
changes no table.

On the command line: `lakehouse live rebuild`.
"""

import datetime as dt

from airflow.sdk import DAG
from lakehouse_tasks import BY_HAND, spark_task

from lakehouse.settings import Settings

settings = Settings.load()

with DAG(
    "rebuild_live",
    description="Makes the live state in Redis anew from the event tables.",
    doc_md=__doc__,
    **BY_HAND,
    max_active_runs=1,
    tags=["lakehouse", "live"],
):
    spark_task(
        "rebuild_live",
        settings=settings,
        limit=dt.timedelta(hours=1),
        if_it_fails="The old live state is as it was, or is made anew by the next run. Start what does not answer "
        "(`make status`) and clear this task.",
    )
