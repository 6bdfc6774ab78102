"""What a ledger entry's own commits brought into tables: found at the end of each table's log, counted in the data files.

A query through Delta makes the whole list of a table's files anew after each commit, half a second a table. The rows of
an entry are all in the files that one commit added, and that commit is among the last ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from jobs.ledger import Count
from lakehouse.hdfs import Hdfs, HdfsError

if TYPE_CHECKING:
    from jobs.job import Job
    from lakehouse.names import Table

LOOK_BACK = 20  # commits; more lie behind an entry only if it stood still while others, or maintenance, wrote
THREADS = 4
LAST_CHECKPOINT = "_last_checkpoint"


class Added(NamedTuple):
    """A data file that a commit added, by its path in the table's folder, and its day (YYYY-MM-DD)."""

    path: str
    day: str


def counts_of(run: Job, tables: Sequence[tuple[str, Table]], app: str, version: int) -> list[Count] | None:
    """Rows that the commits with this transaction id brought into the tables, in the order of `Count`.

    Args:
        tables: destination as counted, and the table; each has the columns topic and partition, and days as partitions.

    Returns:
        None if one of the commits is not among the last ones, or a file of it is gone: ask the tables themselves.
    """
    hdfs = Hdfs(run.settings)

    def files(table: Table) -> list[Added] | None:
        return added(hdfs, urlsplit(run.path(table)).path, app, version)

    try:
        with ThreadPoolExecutor(THREADS) as threads:
            found = list(threads.map(files, [table for _, table in tables]))
    except HdfsError as error:
        run.say(f"the tables are counted by queries: {error}")
        return None
    where: dict[str, tuple[str, str]] = {}
    for (destination, table), files_there in zip(tables, found, strict=True):
        if files_there is None:
            return None
        where |= {f"{urlsplit(run.path(table)).path}/{each.path}": (destination, each.day) for each in files_there}
    return _count(run, where) if where else []


def _count(run: Job, files: dict[str, tuple[str, str]]) -> list[Count] | None:
    import datetime as dt

    root = run.settings.warehouse_uri.removesuffix(urlsplit(run.settings.warehouse_uri).path)
    rows = run.spark.read.schema("topic string, partition int").parquet(*[f"{root}{path}" for path in files])
    try:
        found = rows.selectExpr("_metadata.file_path as file", "topic", "partition").groupBy(
            "file", "topic", "partition"
        ).count().collect()  # fmt: skip
    except (
        Exception
    ) as error:  # of Connect or of classic Spark; the query that follows says what is wrong, if anything is
        run.say(f"the tables are counted by queries: {str(error).splitlines()[0]}")
        return None
    sums: dict[tuple[Any, ...], int] = {}
    for row in found:
        destination, day = files[unquote(urlsplit(row["file"]).path)]
        key = (destination, row["topic"], row["partition"], dt.date.fromisoformat(day))
        sums[key] = sums.get(key, 0) + row["count"]
    return sorted(Count(*key, rows=rows) for key, rows in sums.items())


def added(hdfs: Hdfs, table: str, app: str, version: int) -> list[Added] | None:
    """The files that the table's commit with this transaction id added; None if it is not among the last LOOK_BACK.

    Raises:
        HdfsError: HDFS does not answer.
    """
    log = f"{table}/_delta_log"
    checkpoint = json.loads(hdfs.read(f"{log}/{LAST_CHECKPOINT}") or '{"version": 0}')["version"]
    first = max(0, checkpoint - LOOK_BACK)
    commits = sorted(name for name in hdfs.names_after(log, f"{first:020d}") if name[20:] == ".json")
    for name in reversed(commits[-LOOK_BACK:]):
        found = added_by((hdfs.read(f"{log}/{name}") or "").splitlines(), app, version)
        if found is not None:
            return found
    return None


def added_by(commit: Iterable[str], app: str, version: int) -> list[Added] | None:
    """The files that a commit (its actions, one JSON text each) added; None if it has another transaction id."""
    actions = [json.loads(line) for line in commit]
    ids = [(each["txn"]["appId"], each["txn"]["version"]) for each in actions if "txn" in each]
    if (app, version) not in ids:
        return None
    files = [each["add"] for each in actions if "add" in each]
    return [Added(unquote(each["path"]), each["partitionValues"]["event_date"]) for each in files]
