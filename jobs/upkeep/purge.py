"""Removes erased players from what jobs leave behind: staging folders of closed entries, former quality pages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING

from jobs.delta.conflicts import retried
from jobs.upkeep.erasures import read_erasures
from jobs.upkeep.housekeeping import clean_staging
from jobs.upkeep.snapshots import snapshots
from lakehouse import names
from lakehouse.catalog.tables import CHECKPOINT_INTERVAL, Definition

if TYPE_CHECKING:
    from jobs.runtime.job import Job

FORMER_PAGES = ("*.json", "*.html", ".*.new", ".lock")


def note_purged(job: Job, definitions: Iterable[Definition]) -> None:
    """Says in ops.erasures that nothing old is left of a player, once that is so; to be called after a vacuum.

    Files that no version needs are gone `vacuum_hours` after the erasure. Log entries go when a checkpoint is written
    after seven days: a table that nobody writes to is given one. A snapshot of the warehouse keeps all of them.
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
    if names_left := ", ".join(each.name for each in snapshots(job.settings)):
        job.say(
            f"old files can still be read below {job.settings.warehouse}/.snapshot/ ({names_left}), so purged_at stays "
            "null; the next day looks again"
        )
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


def purge_erased(job: Job) -> None:
    """Deletes staging folders of closed entries, and former pages, which named players; harmless if repeated."""
    if read_erasures(job):
        delete_former_pages(job)
        clean_staging(job)


def delete_former_pages(job: Job) -> None:
    """Deletes the quality pages that older versions wrote as files: they showed rows as they were sent."""
    folder = job.settings.quality
    former = [file for pattern in FORMER_PAGES for file in folder.glob(pattern)]
    for file in former:
        file.unlink(missing_ok=True)
    if former:
        job.say(f"deleted {len(former)} files of {folder}: pages of older versions; they are made from ops.* now")
