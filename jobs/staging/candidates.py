"""Stages a batch of new messages where it is judged: Spark's workers write the staged files themselves.

What Spark's tasks write by themselves is a candidate: a task that is killed or tried again leaves files that nobody reads. The
files that successful tasks named are then moved into the folder that is decided on, and nothing else ever is.
Rows that break an x-rule or a rule of rows are not written anew: they are named in a small file beside (MARKS), which
`files.read` takes into account.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from expectations import row_rules
from expectations.row_rules import BROKEN
from jobs.judging import headers, version, x_rules
from jobs.judging.batches import BatchJudge, Place, columns_of
from jobs.judging.judge import to_judge
from jobs.judging.workers import in_workers
from jobs.raw.raw_events import UNREPEATED
from jobs.staging import files, refusals
from jobs.staging.files import X_RULE
from lakehouse.ledger.vocabulary import MESSAGE_KEY

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.runtime.job import Job
    from lakehouse.clients.files import Files
    from lakehouse.contract.model import Contracts

MOVERS = 4  # files that are moved at once
BYTES_PER_ROW_GROUP = 32 * 2**20  # of Arrow, in a worker's memory, a destination
ROWS_PER_CHECK = (
    8  # whether a page is full: who reads it needs as much memory as the largest page, and messages have up to 4 MB
)


class Messages(NamedTuple):
    """What is staged. `frame`: rows of raw; `repeats`: see `duplicates.find_repeats`; `unreadable`: not to be read."""

    frame: DataFrame
    repeats: DataFrame | None
    unreadable: Collection[Place] = ()


def stage(job: Job, messages: Messages, folder: str, rows: int) -> bool:
    """Judges the messages into the folder, beside what is there. `rows`: of all that comes into it.

    Returns:
        Whether a row breaks an x-rule or a rule of rows, so that the folder has MARKS.

    Raises:
        ValueError: a header rule is none.
        AuditError: Spark cannot read a rule.
    """
    settings = job.settings
    headers.check_rules(settings.header_rules)
    written = in_workers(
        to_judge(messages.frame, messages.repeats).coalesce(files.number_of(rows)),
        stage_batches,
        {"destination": "string", "address": "string"},
        contracts=job.contracts,
        max_event_bytes=settings.max_event_bytes,
        header_rules=dict(settings.header_rules),
        unreadable=frozenset(messages.unreadable),
        store=job.files,
        folder=f"{folder}-candidates",
    ).collect()
    job.hooks.at("after_candidates")
    staged = [f"{folder}/destination={row['destination']}/{row['address'].rpartition('/')[2]}" for row in written]
    with ThreadPoolExecutor(MOVERS) as threads:
        list(threads.map(job.files.move, [row["address"] for row in written], staged))
    tables = {contract.table for contract in job.contracts.values()}
    good = [address for row, address in zip(written, staged, strict=True) if row["destination"] in tables]
    return bool(good) and _mark(job, good, folder)


def stage_batches(
    batches: Iterable[pa.RecordBatch],
    *,
    code: str,
    contracts: Contracts,
    max_event_bytes: int,
    header_rules: Mapping[str, str],
    unreadable: Collection[Place],
    store: Files,
    folder: str,
) -> Iterator[pa.RecordBatch]:
    """Judges rows of raw into one Parquet file a destination in the folder. Runs in Spark's workers (`mapInArrow`).

    Yields:
        A row a file that is complete: its `destination` and `address`. A file has the columns of `batches.columns_of` but for
        the destination, and BROKEN, which is null.

    Raises:
        VersionError: the code that runs here is another one.
    """
    version.check(code)
    judge = BatchJudge(contracts, max_event_bytes, header_rules, unreadable=unreadable)
    with tempfile.TemporaryDirectory() as local:
        writers: dict[str, _Writer] = {}
        for batch in judge(batches):
            for destination, rows in _by_destination(batch):
                if destination not in writers:
                    writers[destination] = _Writer(Path(local) / f"part-{uuid4().hex}.parquet", rows.schema)
                writers[destination].add(rows)
        for destination, writer in writers.items():
            address = f"{folder}/{writer.file.name}"
            writer.close()
            store.put(writer.file, address)
            yield pa.RecordBatch.from_pydict({"destination": [destination], "address": [address]})


class _Writer:
    """One Parquet file of this machine."""

    def __init__(self, file: Path, schema: pa.Schema) -> None:
        self.file = file
        self._batches: list[pa.RecordBatch] = []
        self._bytes = 0
        self._writer = parquet.ParquetWriter(
            file,
            schema,
            compression="snappy",
            use_dictionary=[name for name in schema.names if name not in UNREPEATED],
            write_batch_size=ROWS_PER_CHECK,
            write_statistics=False,  # of one destination each: no reader could leave one out
            store_schema=False,
        )

    def add(self, rows: pa.RecordBatch) -> None:
        self._batches.append(rows)
        self._bytes += rows.nbytes
        if self._bytes >= BYTES_PER_ROW_GROUP:
            self._write()

    def close(self) -> None:
        if self._batches:
            self._write()
        self._writer.close()

    def _write(self) -> None:
        table = pa.Table.from_batches(self._batches)
        self._writer.write_table(table, row_group_size=table.num_rows)
        self._batches, self._bytes = [], 0


def _by_destination(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows of each destination, without that column, with an empty BROKEN."""
    destinations = batch.column("destination")
    rest = batch.drop_columns("destination").append_column(
        pa.field(BROKEN, pa.list_(pa.string())), pa.nulls(batch.num_rows, pa.list_(pa.string()))
    )
    found = pc.unique(destinations).to_pylist()
    for destination in found:
        yield destination, rest if len(found) == 1 else rest.filter(pc.equal(destinations, destination))


def _mark(job: Job, addresses: Sequence[str], folder: str) -> bool:
    """Writes MARKS of the rows in these files of the folder, all good, that break a rule. Returns whether there is any.

    Raises:
        AuditError: Spark cannot read a rule.
    """
    from pyspark.errors import AnalysisException

    columns = ", ".join(f"`{name}` {kind}" for name, kind in columns_of(job.contracts).items())
    staged = job.spark.read.schema(columns).option("basePath", folder).parquet(*addresses)
    try:
        judged = staged.selectExpr("*", f"{x_rules.first_broken(job.contracts)} as {X_RULE}")
        marked = row_rules.mark(judged, job.rules, list(job.contracts), f"{X_RULE} is null")
        marks = marked.where(f"{X_RULE} is not null or {BROKEN} is not null").select(*MESSAGE_KEY, X_RULE, BROKEN)
        if not marks.limit(1).collect():
            return False
        marks.coalesce(1).write.mode("append").parquet(f"{folder}/{files.MARKS}")
    except AnalysisException:
        refusals.check_rules(staged, job.rules, job.contracts)
        raise
    return True
