"""Compaction: joins the small files of recent days, while other jobs write.

When OPTIMIZE meets another commit (Delta 4.4.0, ConflictChecker and OptimizeTableCommand): OPTIMIZE marks its files
`dataChange = false`, which makes it run under snapshot isolation, so files that others add do not conflict with it.

| meets | who loses |
|---|---|
| an append (raw, publish, ledger, quarantine: they read nothing of the table) | nobody, in either order |
| replaceWhere, DELETE or MERGE that commits first and removes a file that OPTIMIZE rewrote | OPTIMIZE |
| the same that commits second (it read, or removes, files of the partition) | the replaceWhere, DELETE or MERGE |
| another OPTIMIZE of the same files | the second |
| a change of schema or properties that commits first | OPTIMIZE (as would any writer) |

The loser fails with DELTA_CONCURRENT_* and has changed nothing. So ingest never fails by compaction. A rebuild, a
replay or an erasure retries its commit. Compaction retries a few times, and then leaves the partition for the next
hour.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from jobs.delta.conflicts import is_conflict, retried
from jobs.runtime.at_work import at_work
from lakehouse import names
from lakehouse.clients.hdfs import Hdfs

if TYPE_CHECKING:
    from jobs.runtime.job import Job

# Files of this size are not joined, so that the large files of a busy day are not rewritten each hour.
SMALL_BYTES = 64 * 2**20
JOINED_BYTES = 256 * 2**20
HOURLY_DAYS, DAILY_DAYS = 2, 8  # today and yesterday; once a day also the days that missed maintenance
UNPARTITIONED = (names.LEDGER, names.QUARANTINE_ACTIONS, names.DAY_BUILDS, names.AUDITS)


def compact(job: Job, days: int) -> int:
    """Joins small files of the last `days` days and of the small tables. Returns how many partitions it rewrote."""
    job.spark.conf.set("spark.databricks.delta.optimize.minFileSize", str(SMALL_BYTES))
    job.spark.conf.set("spark.databricks.delta.optimize.maxFileSize", str(JOINED_BYTES))
    hdfs = Hdfs(job.settings)
    since = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=days - 1)
    by_day = [names.RAW_EVENTS, names.QUARANTINE, names.CHECKS, *map(names.event_table, sorted(job.contracts.tables))]
    rewritten = 0
    for table in (*by_day, *UNPARTITIONED):
        where = f"event_date >= date '{since}'" if table in by_day else "true"
        files = job.store.read(table).where(where).inputFiles()
        for folder, active in by_folder(files).items():
            if len(active) < job.settings.compact_from_files:
                continue
            sizes = {each.name: each.size for each in hdfs.list(folder)}
            small = small_files(active, sizes)
            if small >= job.settings.compact_from_files:
                rewritten += join(job, table, partition_filter(folder), len(active), small)
    job.say(f"compacted {rewritten} partitions of the days since {since}")
    return rewritten


def by_folder(files: Iterable[str]) -> dict[str, list[str]]:
    """The names of files by the path of their folder, from full paths (hdfs://host:port/folder/name)."""
    folders: dict[str, list[str]] = {}
    for file in sorted(files):
        folder, _, name = unquote(urlsplit(file).path).rpartition("/")
        folders.setdefault(folder, []).append(name)
    return folders


def small_files(active: Iterable[str], sizes: Mapping[str, int]) -> int:
    """How many of a partition's files are worth joining. (A folder also holds files of older table versions.)"""
    return sum(sizes.get(name, SMALL_BYTES) < SMALL_BYTES for name in active)


def partition_filter(folder: str) -> str | None:
    """The condition that selects a partition's folder; None for a table without partitions."""
    column, found, value = folder.rpartition("/")[2].partition("=")
    return f"{column} = '{value}'" if found else None


def join(job: Job, table: names.Table, where: str | None, files: int, small: int) -> bool:
    """Joins the small files of one partition. Returns whether it did; a conflict is left for the next run."""
    what = f"{table.qualified}{f' {where}' if where else ''}"
    counted: list[tuple[int, int]] = []

    def optimize() -> None:
        job.hooks.at("before_optimize")
        statement = f"optimize delta.`{job.path(table)}`{f' where {where}' if where else ''}"
        metrics = job.spark.sql(statement).collect()[0]["metrics"]
        counted.append((metrics["numFilesRemoved"], metrics["numFilesAdded"]))

    try:
        with at_work(job, f"{what}: {small} small files are joined"):
            retried(optimize, job.say, f"compaction of {what}")
    except Exception as error:
        if not is_conflict(error):
            raise
        job.say(f"{what}: left as it is, others write it all the time; the next run tries again")
        return False
    removed, added = counted[-1]
    job.say(f"{what}: {files} files, {small} of them small; joined {removed} to {added}")
    return removed > 0
