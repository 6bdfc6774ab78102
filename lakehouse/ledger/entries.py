"""Ledger entries as values: plans, requests, counts and decisions, and how to make them from the ledger's rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lakehouse.ledger.offsets import OffsetRange, TopicPartition, next_cursor
from lakehouse.ledger.selection import Selection
from lakehouse.ledger.vocabulary import Kind, Step


class LedgerError(Exception):
    """The ledger holds something that this version cannot act on."""


@dataclass(frozen=True, order=True)
class Count:
    """Rows of one destination (a table, or a `Destination`) that came from one partition on one day."""

    destination: str
    topic: str
    partition: int
    event_date: dt.date
    rows: int


@dataclass(frozen=True)
class Request:
    """What a person requested: the plan of every entry that is not an ingest."""

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
    """A table before and after a rebuild: its rows, and how many of the rows in both differ."""

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
    """What an attempt staged, once it is decided. Whoever publishes the entry publishes exactly this."""

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
    checks: int = 0  # results of checks that are staged beside the rows


@dataclass(frozen=True)
class Entry:
    """One entry, made from its rows."""

    entry_id: int
    kind: str
    ranges: tuple[OffsetRange, ...] = ()
    decision: Decision | None = None
    done: bool = False
    request: Request | None = None  # of every kind but ingest
    planned_at: dt.datetime | None = None
    planned_by: str = ""  # the attempt that made the plan
    run: str = ""  # the Airflow run that planned it

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
        """The last entry up to which all are closed."""
        return self.open_entries[0].entry_id - 1 if self.open_entries else self.last_entry_id


def check_may_be_abandoned(entry_id: int, kind: str) -> None:
    """Refuses an ingest: its messages must go somewhere. Raises LedgerError."""
    if not Kind(kind).may_be_abandoned:
        raise LedgerError(f"entry {entry_id} is an {kind}: it can be finished, never abandoned")


def fold(rows: Iterable[Mapping[str, Any]]) -> Snapshot:
    """Makes a snapshot of ledger rows: mappings by the columns of LEDGER, in any order.

    Raises:
        LedgerError: the rows contradict the protocol (an entry without a plan, a step twice).
    """
    by_entry: dict[int, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        steps = by_entry.setdefault(row["entry_id"], {})
        if row["step"] in steps:
            raise LedgerError(
                f"entry {row['entry_id']} has two rows {row['step']!r}; the ledger was written past its protocol"
            )
        steps[row["step"]] = row
    entries = [entry_of(entry_id, by_entry[entry_id]) for entry_id in sorted(by_entry)]
    ingests = [e for e in entries if e.kind == Kind.INGEST]
    decided = [e.decision.counts for e in reversed(ingests) if e.decision is not None]
    return Snapshot(
        last_entry_id=entries[-1].entry_id if entries else 0,
        newest_ingest=ingests[-1] if ingests else None,
        newest_done_ingest=next((e for e in reversed(ingests) if e.done), None),
        open_entries=tuple(e for e in entries if not e.closed),
        recent_counts=tuple(decided[:20]),
    )


def entry_of(entry_id: int, steps: Mapping[str, Mapping[str, Any]]) -> Entry:
    if Step.PLANNED not in steps:
        raise LedgerError(f"entry {entry_id} has {', '.join(sorted(steps))} but was never planned")
    plan = steps[Step.PLANNED]
    decided = steps.get(Step.DECIDED) or steps.get(Step.ABANDONED)
    return Entry(
        entry_id,
        plan["kind"],
        tuple(OffsetRange.of(each) for each in plan["ranges"] or ()),
        _decision(decided) if decided else None,
        Step.DONE in steps,
        _request(plan) if plan["kind"] != Kind.INGEST else None,
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
    """The time in UTC. Spark gives times without a zone, which are in the zone of this process."""
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
        abandoned=row["step"] == Step.ABANDONED,
        comparison=tuple(Compared(**each) for each in row["comparison"] or ()),
        why=row["why"] or "",
        refused=tuple(Refusal(**each) for each in row.get("refused") or ()),
        checks=row.get("checks") or 0,
    )
