"""Counts the rows that an entry's own commits brought into tables: finds the commits in the log, reads their files.

A query through Delta lists all files of a table again after each commit, which takes half a second. All rows of an
entry are in the files that one commit added, and that commit is among the last ones. (A rebuild's commit may hold rows
of other entries too: Delta rewrites a file of which it replaces a part.)
"""

from __future__ import annotations

import datetime as dt
import json
import posixpath
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from lakehouse.clients.hdfs import Hdfs
from lakehouse.ledger.entries import Count

if TYPE_CHECKING:
    from jobs.runtime.job import Job
    from lakehouse.names import Table

LOOK_BACK = 8  # commits; more come after an entry's only if it stood still while maintenance wrote
THREADS = 4
LAST_CHECKPOINT = "_last_checkpoint"


class CommitUnclear(Exception):
    """The end of a table's log does not tell which files a commit added; the tables are then counted by queries."""


class Added(NamedTuple):
    """A data file that a commit added, by its path in the table's folder, and its day (YYYY-MM-DD)."""

    path: str
    day: str


def counts_of(job: Job, tables: Sequence[tuple[str, Table]], app: str, version: int) -> list[Count] | None:
    """Rows that the commits with this transaction id brought into the tables, in the order of `Count`.

    Args:
        tables: destination as counted, and the table; each has the columns topic, partition and entry_id, which is
            `version` in the rows that count, and days as partitions.

    Returns:
        None, and says why, if it cannot tell: a commit is not among the last ones, or not alone there, a file of it is
        gone, HDFS does not answer. The tables must be asked themselves then.
    """
    hdfs = Hdfs(job.settings)

    def files(table: Table) -> list[Added]:
        return added(hdfs, urlsplit(job.path(table)).path, app, version)

    try:
        with ThreadPoolExecutor(THREADS) as threads:
            found = list(threads.map(files, [table for _, table in tables]))
        where = {
            posixpath.normpath(f"{urlsplit(job.path(table)).path}/{each.path}"): (destination, each.day)
            for (destination, table), there in zip(tables, found, strict=True)
            for each in there
        }
        return _count(job, where, version) if where else []
    # of HDFS, of Connect, of classic Spark; if it matters, the query fails too
    except Exception as error:
        job.say(f"the tables are counted by queries: {(str(error) or type(error).__name__).splitlines()[0]}")
        return None


def _count(job: Job, files: dict[str, tuple[str, str]], entry_id: int) -> list[Count]:
    """The entry's rows in data files, given as path to destination and day."""
    root = job.settings.warehouse_uri.removesuffix(urlsplit(job.settings.warehouse_uri).path)
    columns = "topic string, partition int, entry_id bigint"
    rows = job.spark.read.schema(columns).parquet(*[f"{root}{path}" for path in files]).where(f"entry_id = {entry_id}")
    figures = rows.selectExpr("_metadata.file_path as file", "topic", "partition")
    sums: dict[tuple[str, str, int, dt.date], int] = {}
    for row in figures.groupBy("file", "topic", "partition").count().collect():
        destination, day = files[posixpath.normpath(unquote(urlsplit(row["file"]).path))]
        key = (destination, row["topic"], row["partition"], dt.date.fromisoformat(day))
        sums[key] = sums.get(key, 0) + row["count"]
    return sorted(Count(to, topic, partition, day, count) for (to, topic, partition, day), count in sums.items())


def added(hdfs: Hdfs, table: str, app: str, version: int) -> list[Added]:
    """The files that the table's commit with this transaction id added.

    Raises:
        CommitUnclear: it is not among the last LOOK_BACK commits, or more than one has the id.
        HdfsError: HDFS does not answer.
    """
    log = f"{table}/_delta_log"
    checkpoint = json.loads(hdfs.read(f"{log}/{LAST_CHECKPOINT}") or '{"version": 0}')["version"]
    first = max(0, checkpoint - LOOK_BACK)
    names = hdfs.names_after(log, f"{first:020d}")  # its commit's name is longer, so it is among them
    commits = sorted(name for name in names if name[20:] == ".json")[-LOOK_BACK:]
    texts = [hdfs.read(f"{log}/{name}") or "" for name in commits]
    found = [files for text in texts if (files := added_by(text.splitlines(), app, version)) is not None]
    if len(found) != 1:
        raise CommitUnclear(f"{len(found)} of the last {len(commits)} commits of {table} are {app} {version}")
    return found[0]


def added_by(commit: Iterable[str], app: str, version: int) -> list[Added] | None:
    """The files that a commit (its actions, one JSON text each) added; None if it has another transaction id."""
    actions = [json.loads(line) for line in commit]
    ids = [(each["txn"]["appId"], each["txn"]["version"]) for each in actions if "txn" in each]
    if (app, version) not in ids:
        return None
    files = [each["add"] for each in actions if "add" in each]
    return [Added(unquote(each["path"]), each["partitionValues"]["event_date"]) for each in files]
