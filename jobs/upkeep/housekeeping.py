"""Housekeeping: deletes files that nothing refers to, and sets the tables' retention properties."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from jobs.delta.conflicts import retried
from jobs.runtime.at_work import at_work
from lakehouse import names
from lakehouse.catalog.tables import LOG_RETENTION, Definition
from lakehouse.clients.hdfs import Hdfs, Status, Summary

if TYPE_CHECKING:
    from jobs.runtime.job import Job

DRY_RUN = "dry_run"
DRY_RUN_KEPT = dt.timedelta(days=1)
LOG_PROPERTY = "delta.logRetentionDuration"
FILES_PROPERTY = "delta.deletedFileRetentionDuration"
# With this property Delta would forget transaction ids, and a repeated write would take effect twice.
FORBIDDEN_PROPERTY = "delta.setTransactionRetentionDuration"
LISTING_TASKS = 8
DELTAS_OWN_HOURS = 168  # Delta's default without FILES_PROPERTY


def clean_staging(job: Job) -> None:
    """Deletes the staging folders of closed entries, and dry runs older than a day.

    All entries through `closed_through` are closed, and stay so. An attempt that sleeps beyond the end of its entry
    loses its folder. It would publish nothing anyway.
    """
    closed_through = job.ledger.read().closed_through
    hdfs, staging = Hdfs(job.settings), f"{job.settings.warehouse}/{names.STAGING}"
    now = dt.datetime.now(dt.UTC)
    done = closed_folders(hdfs.list(staging), closed_through)
    dry_runs = [
        f"{DRY_RUN}/{each.name}" for each in hdfs.list(f"{staging}/{DRY_RUN}") if each.changed_at < now - DRY_RUN_KEPT
    ]
    for folder in (*done, *dry_runs):
        hdfs.delete(f"{staging}/{folder}")
    job.say(
        f"staging: deleted the folders of {len(done)} closed entries and {len(dry_runs)} old dry runs; "
        f"entries after {closed_through} keep theirs"
    )


def closed_folders(folders: Iterable[Status], closed_through: int) -> list[str]:
    """The names of the folders entry_id=N of closed entries. Other folders are not ours to delete."""
    found = []
    for folder in folders:
        key, _, value = folder.name.partition("=")
        if key == "entry_id" and value.isdecimal() and int(value) <= closed_through:
            found.append(folder.name)
    return found


def wanted_properties(there: Mapping[str, str], vacuum_hours: int) -> dict[str, str]:
    """The retention properties that a table lacks.

    Delta 4.4 ignores the hours of `VACUUM ... RETAIN`. Only the property counts; without it 168 hours are kept.
    """
    wanted = {LOG_PROPERTY: LOG_RETENTION}
    if vacuum_hours != DELTAS_OWN_HOURS or FILES_PROPERTY in there:
        wanted[FILES_PROPERTY] = f"interval {vacuum_hours} hours"
    return {name: value for name, value in wanted.items() if there.get(name) != value}


def set_properties(job: Job, definitions: Iterable[Definition]) -> list[str]:
    """Sets the retention of each table where it differs. Returns a sentence for each failure.

    A change of properties makes concurrent commits fail, even appends (their tasks retry). So properties are set only
    if they differ: once in a table's life, or after a change of the setting.

    Log entries are deleted when a checkpoint is written, every 50 commits, and only if an older checkpoint covers them.
    A checkpoint holds every transaction id, so none is ever forgotten, unless FORBIDDEN_PROPERTY is set.
    """
    problems = []
    for definition in definitions:
        path = job.path(definition.table)
        there = job.spark.sql(f"describe detail delta.`{path}`").select("properties").collect()[0][0] or {}
        if FORBIDDEN_PROPERTY in there:
            problems.append(
                f"{definition.table.qualified} has {FORBIDDEN_PROPERTY}: Delta would forget which writes were made; "
                f"type: alter table {definition.table.qualified} unset tblproperties ('{FORBIDDEN_PROPERTY}')"
            )
        wanted = wanted_properties(there, job.settings.vacuum_hours)
        if wanted:
            listed = ", ".join(f"'{name}' = '{value}'" for name, value in wanted.items())
            statement = f"alter table delta.`{path}` set tblproperties ({listed})"

            def alter(statement: str = statement) -> None:
                job.spark.sql(statement).collect()

            retried(alter, job.say, f"properties of {definition.table.qualified}")
            job.say(f"{definition.table.qualified}: set {listed}")
    return problems


def vacuum(job: Job, definitions: Iterable[Definition]) -> None:
    """Deletes files that no version of the last `vacuum_hours` needs, and files that no commit ever named.

    Call it after `set_properties`, which sets for how long files are kept.
    """
    # Vacuum lists folders in so many tasks. The default of 10,000 takes minutes, however few folders there are.
    job.spark.conf.set("spark.sql.sources.parallelPartitionDiscovery.parallelism", str(LISTING_TASKS))
    hdfs, unneeded = Hdfs(job.settings), 0
    for definition in definitions:
        path = job.path(definition.table)
        folder = f"{job.settings.warehouse}/{definition.table.database}/{definition.table.name}"
        before = data_in(hdfs, folder)
        if before.files <= job.spark.sql(f"describe detail delta.`{path}`").collect()[0]["numFiles"]:
            unneeded += 1  # a vacuum would take seconds to find nothing
            continue
        with at_work(job, f"{definition.table.qualified}: old files are deleted"):
            job.spark.sql(f"vacuum delta.`{path}`").collect()
        after = data_in(hdfs, folder)
        job.say(
            f"vacuum {definition.table.qualified}: {before.files} files ({megabytes(before.size)}) before, "
            f"{after.files} ({megabytes(after.size)}) after"
        )
    job.say(f"{unneeded} tables have no file that their newest version lacks: nothing to vacuum")


def data_in(hdfs: Hdfs, folder: str) -> Summary:
    """The size of a table's folder without its Delta log."""
    whole, log = hdfs.summary(folder), hdfs.summary(f"{folder}/_delta_log")
    return Summary(whole.files - log.files, whole.folders - log.folders, whole.size - log.size)


def megabytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MB"
