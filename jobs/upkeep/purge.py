"""Removes erased players from what jobs leave behind: staging folders of closed entries, samples of quality pages."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from expectations import pages
from jobs.delta.conflicts import retried
from jobs.upkeep.erasures import hash_of, read_erasures, read_key
from jobs.upkeep.housekeeping import clean_staging
from lakehouse import names
from lakehouse.catalog.tables import CHECKPOINT_INTERVAL, Definition

if TYPE_CHECKING:
    from jobs.runtime.job import Job

_BATCH_PAGE = re.compile(r"ingest-(\d+)")
_CUT = "…"  # ends a value that a page shows in part


def note_purged(job: Job, definitions: Iterable[Definition]) -> None:
    """Says in ops.erasures that nothing old is left of a player, once that is so; to be called after a vacuum.

    Files that no version needs are gone `vacuum_hours` after the erasure. Log entries go when a checkpoint is written
    after seven days: a table that nobody writes to is given one.
    """
    age = dt.timedelta(hours=job.settings.vacuum_hours)
    before = (dt.datetime.now(dt.UTC) - age).isoformat()
    path = job.path(names.ERASURES)
    waiting = f"purged_at is null and erased_at < timestamp '{before}'"
    (row,) = job.store.read(names.ERASURES).where(waiting).selectExpr("max(erased_at) as last").collect()
    if row["last"] is None:
        return
    last = row["last"].astimezone(dt.UTC).isoformat()
    kept = [each.table.qualified for each in definitions if _has_older_log(job, each, last)]
    if kept:
        job.say(f"log entries from before an erasure are still kept by {', '.join(kept)}; the next day looks again")
        return
    done = (
        f"update delta.`{path}` set purged_at = current_timestamp() where {waiting} and erased_at <= timestamp '{last}'"
    )
    retried(lambda: job.spark.sql(done).collect(), job.say, "ops.erasures")
    job.say(f"no file and no log entry is left of players that were erased until {last}")


def _has_older_log(job: Job, definition: Definition, time: str) -> bool:
    """Whether the table's log has a commit from before the time.

    If so, writes a checkpoint, which deletes old entries.
    """
    table = f"delta.`{job.path(definition.table)}`"

    def older() -> bool:
        history = job.spark.sql(f"describe history {table}").where(f"timestamp < timestamp '{time}'")
        return bool(history.limit(1).collect())

    if not older():
        return False
    for interval in (1, CHECKPOINT_INTERVAL):  # with 1, the commit that sets it is a checkpoint
        statement = f"alter table {table} set tblproperties ('delta.checkpointInterval' = '{interval}')"

        def alter(statement: str = statement) -> None:
            job.spark.sql(statement).collect()

        retried(alter, job.say, f"checkpoint of {definition.table.qualified}")
    return older()


def forget(job: Job) -> None:
    """Deletes staging folders of closed entries, and the sample rows of erased players; harmless if repeated."""
    erased = read_erasures(job)
    if not erased:
        return
    key = read_key(job.settings.erasure_key_file)
    through = {each.player_hash: each.through for each in erased}

    def is_theirs(audit: str, row: Mapping[str, Any]) -> bool:
        player = row.get("player")
        if player is None:
            return False
        if str(player).endswith(_CUT):
            return True  # too long to tell whose it is
        batch = _BATCH_PAGE.fullmatch(audit)
        last = through.get(hash_of(str(player), key))
        return last is not None and (batch is None or int(batch[1]) <= last)

    changed = pages.drop_samples(job.settings.quality, is_theirs)
    job.say(f"erased players are taken out of {changed} quality pages")
    clean_staging(job)
