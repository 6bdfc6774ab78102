"""The ledger: what was planned, decided and done, entry by entry; every step is one exclusive commit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from jobs.delta import writes
from lakehouse.catalog.tables import LEDGER
from lakehouse.ledger.offsets import OffsetRange, TopicPartition, next_cursor
from lakehouse.ledger.selection import Selection

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

INGEST, REPLAY, DISCARD, REBUILD, ERASE = "ingest", "replay", "discard", "rebuild", "erase"
PLANNED, DECIDED, ABANDONED, DONE = "planned", "decided", "abandoned", "done"
# decided and abandoned exclude each other, so they share one transaction id
TXN_APP = {PLANNED: "plan", DECIDED: "decide", ABANDONED: "decide", DONE: "done"}
PASSED, FAILED, WAIVED = "passed", "failed", "waived"
RECENT = 12  # entries that are read in any case (a file a row): the sizes of the last batches come from them

SCHEMA = ", ".join(f"{name} {kind}" for name, (kind, _) in LEDGER.items())


class LedgerError(Exception):
    """The ledger says something that this version cannot act on."""


@dataclass(frozen=True, order=True)
class Count:
    """Rows of one destination (a table, or one of `lakehouse.ledger.destinations`) that came from one partition on one day."""

    destination: str
    topic: str
    partition: int
    event_date: dt.date
    rows: int


@dataclass(frozen=True)
class Request:
    """What somebody asked for: the plan of every entry that is not an ingest."""

    kind: str
    who: str
    why: str
    through: int
    selection: Selection | None = None
    waiver: str | None = None
    day: dt.date | None = None
    tables: tuple[str, ...] | None = None
    player_hash: str | None = None


@dataclass(frozen=True)
class Compared:
    """A table before and after a rebuild: rows, and how many of those in both are not the same."""

    destination: str
    before: int
    after: int
    changed: int


@dataclass(frozen=True, order=True)
class Refusal:
    """Rows that a rule of rows sent to quarantine while the others of their entry are published."""

    rule: str
    rows: int


@dataclass(frozen=True)
class Decision:
    """What an attempt staged and was chosen for; whoever publishes the entry publishes exactly this."""

    attempt_id: str
    contracts_hash: str
    verdict: str
    failed_checks: tuple[str, ...]
    counts: tuple[Count, ...]
    staging: str
    page: str
    abandoned: bool = False
    comparison: tuple[Compared, ...] = ()
    why: str = ""  # of an abandoned entry
    refused: tuple[Refusal, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One entry as its rows tell it."""

    entry_id: int
    kind: str
    ranges: tuple[OffsetRange, ...] = ()
    decision: Decision | None = None
    done: bool = False
    request: Request | None = None  # of every kind but ingest
    planned_at: dt.datetime | None = None
    planned_by: str = ""  # the attempt that made the plan
    run: str = ""  # the Airflow run that it belongs to

    @property
    def messages(self) -> int:
        """How many offsets its ranges span."""
        return sum(map(len, self.ranges))

    @property
    def closed(self) -> bool:
        return self.done or (self.decision is not None and self.decision.abandoned)


@dataclass(frozen=True)
class Snapshot:
    """The ledger at one version: the last entry's number, the newest ingest and all open entries, lowest first."""

    last_entry_id: int = 0
    newest_ingest: Entry | None = None
    newest_done_ingest: Entry | None = None
    open_entries: tuple[Entry, ...] = ()
    recent_counts: tuple[tuple[Count, ...], ...] = field(default=())  # decided ingests, newest first

    @property
    def cursor(self) -> dict[TopicPartition, int]:
        """The next offset to plan, of each partition ever planned; empty before the first ingest."""
        return next_cursor(self.newest_ingest.ranges) if self.newest_ingest else {}

    @property
    def closed_through(self) -> int:
        """The last entry with all up to it closed."""
        return self.open_entries[0].entry_id - 1 if self.open_entries else self.last_entry_id


def fold(rows: Iterable[Mapping[str, Any]]) -> Snapshot:
    """Makes entries of ledger rows (dicts in the columns of SCHEMA, any order).

    Raises:
        LedgerError: the rows contradict the protocol (an entry without plan, a number left out).
    """
    by_entry: dict[int, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        steps = by_entry.setdefault(row["entry_id"], {})
        if row["step"] in steps:
            raise LedgerError(
                f"entry {row['entry_id']} has two rows {row['step']!r}; the ledger was written past its protocol"
            )
        steps[row["step"]] = row
    entries = [_entry(entry_id, by_entry[entry_id]) for entry_id in sorted(by_entry)]
    ingests = [e for e in entries if e.kind == INGEST]
    decided = [e.decision.counts for e in reversed(ingests) if e.decision is not None]
    return Snapshot(
        last_entry_id=entries[-1].entry_id if entries else 0,
        newest_ingest=ingests[-1] if ingests else None,
        newest_done_ingest=next((e for e in reversed(ingests) if e.done), None),
        open_entries=tuple(e for e in entries if not e.closed),
        recent_counts=tuple(decided[:20]),
    )


def _entry(entry_id: int, steps: Mapping[str, Mapping[str, Any]]) -> Entry:
    if PLANNED not in steps:
        raise LedgerError(f"entry {entry_id} has {', '.join(sorted(steps))} but was never planned")
    plan = steps[PLANNED]
    decided = steps.get(DECIDED) or steps.get(ABANDONED)
    return Entry(
        entry_id,
        plan["kind"],
        tuple(
            OffsetRange(TopicPartition(r["topic"], r["topic_id"], r["partition"]), r["start"], r["until"])
            for r in plan["ranges"] or ()
        ),
        _decision(decided) if decided else None,
        DONE in steps,
        _request(plan) if plan["kind"] != INGEST else None,
        _utc(plan["time"]),
        plan["attempt_id"],
        plan["run"] or "",
    )


def _request(row: Mapping[str, Any]) -> Request:
    return Request(
        row["kind"],
        row["who"] or "",
        row["why"] or "",
        row["through"] or 0,
        _selection(row["selection"]) if row["selection"] else None,
        row["waiver"],
        row["day"],
        None if row["tables"] is None else tuple(row["tables"]),
        row["player_hash"],
    )


def _selection(row: Mapping[str, Any]) -> Selection:
    return Selection(row["reason"], row["event_type"], row["batch_id"], _utc(row["since"]), _utc(row["until"]))


def _utc(time: dt.datetime | None) -> dt.datetime | None:
    """Spark gives times without a zone in the zone of this process."""
    return None if time is None else time.astimezone(dt.UTC)


def _decision(row: Mapping[str, Any]) -> Decision:
    return Decision(
        attempt_id=row["attempt_id"],
        contracts_hash=row["contracts_hash"] or "",
        verdict=row["verdict"] or "",
        failed_checks=tuple(row["failed_checks"] or ()),
        counts=tuple(
            Count(c["destination"], c["topic"], c["partition"], c["event_date"], c["rows"]) for c in row["counts"] or ()
        ),
        staging=row["staging"] or "",
        page=row["page"] or "",
        abandoned=row["step"] == ABANDONED,
        comparison=tuple(Compared(**each) for each in row["comparison"] or ()),
        why=row["why"] or "",
        refused=tuple(Refusal(**each) for each in row.get("refused") or ()),
    )


class Ledger:
    """The ledger in its Delta table; `attempt_id` and `run` mark the rows that this process writes."""

    def __init__(self, spark: SparkSession, path: str, attempt_id: str, run: str) -> None:
        self._spark = spark
        self._path = path
        self._attempt_id = attempt_id
        self._run = run
        self._closed_through = 0

    def read(self) -> Snapshot:
        """The ledger now, read from its end back to where all entries are known to be closed.

        Rows say through which entry all were closed when they were written, and what is closed stays so. The cost of a
        read therefore depends on what is open and on RECENT, not on the ledger's length.
        """
        frame = self._spark.read.format("delta").load(self._path)
        last = frame.selectExpr("max(entry_id)").collect()[0][0] or 0
        reach = RECENT
        while True:
            first = max(1, last - reach + 1)
            rows = [_plain(row) for row in frame.where(f"entry_id >= {first}").collect()]
            closed = max((row["closed_through"] or 0 for row in rows), default=0)
            done_ingest = any(row["kind"] == INGEST and row["step"] == DONE for row in rows)
            if first == 1 or (closed >= first - 1 and done_ingest):
                snapshot = fold(rows)
                self._closed_through = snapshot.closed_through
                return snapshot
            reach *= 10

    def read_entry(self, entry_id: int) -> Entry:
        """One entry, read back after a commit that another writer may have won."""
        frame = self._spark.read.format("delta").load(self._path)
        rows = [_plain(row) for row in frame.where(f"entry_id = {int(entry_id)}").collect()]
        if not rows:
            raise LedgerError(f"entry {entry_id} is not in the ledger although its plan was just made")
        return _entry(entry_id, {row["step"]: row for row in rows})

    def plan_ingest(self, entry_id: int, ranges: Sequence[OffsetRange]) -> None:
        """Commits a plan; does nothing if another writer planned this entry first. Always read back."""
        self._write(entry_id, INGEST, PLANNED, ranges=_range_rows(ranges))

    def plan_request(self, entry_id: int, request: Request) -> None:
        """Commits the plan of a replay, discard, rebuild or erase; else as `plan_ingest`."""
        selection = request.selection and tuple(getattr(request.selection, f.name) for f in fields(Selection))
        columns = {f.name: getattr(request, f.name) for f in fields(Request) if f.name not in ("kind", "selection")}
        columns["tables"] = None if request.tables is None else list(request.tables)
        self._write(entry_id, request.kind, PLANNED, selection=selection, **columns)

    def abandon(self, entry_id: int, kind: str, why: str, page: str = "") -> None:
        """Closes an undecided entry without a change; does nothing if it was decided before. Always read back.

        Raises:
            LedgerError: the entry is an ingest, whose messages must go somewhere.
        """
        if kind == INGEST:
            raise LedgerError(f"entry {entry_id} is an ingest: it can be finished, never abandoned")
        self._write(entry_id, kind, ABANDONED, why=why, page=page)

    def decide(self, entry_id: int, kind: str, decision: Decision) -> None:
        """Commits a decision; does nothing if the entry was decided or abandoned before. Always read back."""
        self._write(
            entry_id,
            kind,
            DECIDED,
            counts=_count_rows(decision.counts),
            contracts_hash=decision.contracts_hash,
            verdict=decision.verdict,
            failed_checks=list(decision.failed_checks),
            refused=[(each.rule, each.rows) for each in decision.refused],
            staging=decision.staging,
            page=decision.page,
            comparison=[(c.destination, c.before, c.after, c.changed) for c in decision.comparison],
        )

    def done(self, entry_id: int, kind: str, counts: Sequence[Count], page: str) -> None:
        """Commits that all of the entry is published, with the counts read back from the tables."""
        self._write(entry_id, kind, DONE, counts=_count_rows(counts), page=page)

    def _write(self, entry_id: int, kind: str, step: str, **columns: Any) -> None:
        row = {
            "entry_id": entry_id,
            "kind": kind,
            "step": step,
            "attempt_id": self._attempt_id,
            "run": self._run,
            "closed_through": self._closed_through,
            "time": dt.datetime.now(dt.UTC),
            **columns,
        }
        frame = self._spark.createDataFrame([tuple(row.get(name) for name in LEDGER)], SCHEMA)
        writes.append_once(frame, self._path, app=TXN_APP[step], version=entry_id)


def _plain(row: Row) -> dict[str, Any]:
    return row.asDict(recursive=True)


def _range_rows(ranges: Sequence[OffsetRange]) -> list[tuple[Any, ...]]:
    return [(r.at.topic, r.at.topic_id, r.at.partition, r.start, r.until) for r in ranges]


def _count_rows(counts: Sequence[Count]) -> list[tuple[Any, ...]]:
    return [(c.destination, c.topic, c.partition, c.event_date, c.rows) for c in sorted(counts)]
