"""The ledger: what was planned, decided and done, entry by entry; every step is one exclusive commit."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from lakehouse.ledger.entries import (
    Count,
    Decision,
    Entry,
    LedgerError,
    Request,
    Snapshot,
    check_may_be_abandoned,
    entry_of,
    fold,
)
from lakehouse.ledger.offsets import OffsetRange
from lakehouse.ledger.vocabulary import Kind, Step

RECENT = 12  # entries that are always read, for the sizes of the last batches; a row is a file


class Ledger(ABC):
    """The ledger, wherever its rows are kept; `attempt_id` and `airflow_run` mark those that this process writes.

    A row is a mapping from the columns of `lakehouse.catalog.tables.LEDGER` to plain values; structs are mappings.
    """

    def __init__(self, attempt_id: str, airflow_run: str) -> None:
        self._attempt_id = attempt_id
        self._airflow_run = airflow_run
        self._closed_through = 0

    @abstractmethod
    def _last_entry_id(self) -> int:
        """0 if there is none."""

    @abstractmethod
    def _rows(self, first: int, last: int | None = None) -> list[Mapping[str, Any]]:
        """All rows of the entries from `first` to `last`, or to the end."""

    @abstractmethod
    def _append(self, row: Mapping[str, Any], app: str, version: int) -> None:
        """Adds the row in one commit, unless (`app`, `version`) or a later version of `app` was committed before.

        Of concurrent writers exactly one commits; the others return without an error.
        """

    def read(self) -> Snapshot:
        """The ledger now, read from its end back to where all entries are known to be closed.

        Each row says up to which entry all were closed when it was written, and they stay closed. So the cost of a read
        depends on the open entries and on RECENT, not on the ledger's length.
        """
        last = self._last_entry_id()
        reach = RECENT
        while True:
            first = max(1, last - reach + 1)
            rows = self._rows(first)
            closed = max((row["closed_through"] or 0 for row in rows), default=0)
            done_ingest = any(row["kind"] == Kind.INGEST and row["step"] == Step.DONE for row in rows)
            if first == 1 or (closed >= first - 1 and done_ingest):
                snapshot = fold(rows)
                self._closed_through = snapshot.closed_through
                return snapshot
            reach *= 10

    def read_entry(self, entry_id: int) -> Entry:
        """One entry, read back after a commit that another writer may have won."""
        rows = self._rows(entry_id, entry_id)
        if not rows:
            raise LedgerError(f"entry {entry_id} is not in the ledger although its plan was just made")
        return entry_of(entry_id, {row["step"]: row for row in rows})

    def read_entries(self, first: int, last: int) -> list[Entry]:
        """The entries from `first` to `last`, lowest first."""
        by_entry: dict[int, dict[str, Mapping[str, Any]]] = {}
        for row in self._rows(first, last):
            by_entry.setdefault(row["entry_id"], {})[row["step"]] = row
        return [entry_of(entry_id, by_entry[entry_id]) for entry_id in sorted(by_entry)]

    def plan_ingest(self, entry_id: int, ranges: Sequence[OffsetRange]) -> None:
        """Commits a plan; does nothing if another writer planned this entry first. Always read back."""
        self._write(entry_id, Kind.INGEST, Step.PLANNED, ranges=[_range_row(each) for each in ranges])

    def plan_request(self, entry_id: int, request: Request) -> None:
        """Commits the plan of a replay, discard, rebuild or erase; else as `plan_ingest`."""
        columns = {f.name: getattr(request, f.name) for f in fields(Request) if f.name != "kind"}
        columns["selection"] = asdict(request.selection) if request.selection else None
        columns["tables"] = None if request.tables is None else list(request.tables)
        self._write(entry_id, request.kind, Step.PLANNED, **columns)

    def abandon(self, entry_id: int, kind: str, why: str, page: str = "") -> None:
        """Closes an undecided entry without a change; does nothing if it was decided before. Always read back.

        Raises:
            LedgerError: the entry is an ingest, whose messages must go somewhere.
        """
        check_may_be_abandoned(entry_id, kind)
        self._write(entry_id, kind, Step.ABANDONED, why=why, page=page)

    def decide(self, entry_id: int, kind: str, decision: Decision) -> None:
        """Commits a decision; does nothing if the entry was decided or abandoned before. Always read back."""
        self._write(
            entry_id,
            kind,
            Step.DECIDED,
            counts=_count_rows(decision.counts),
            contracts_hash=decision.contracts_hash,
            verdict=str(decision.verdict),
            failed_checks=list(decision.failed_checks),
            refused=[asdict(each) for each in decision.refused],
            staging=decision.staging,
            checks=decision.checks,
            page=decision.page,
            comparison=[asdict(each) for each in decision.comparison],
        )

    def done(self, entry_id: int, kind: str, counts: Sequence[Count], page: str) -> None:
        """Commits that all of the entry is published, with the counts read back from the tables."""
        self._write(entry_id, kind, Step.DONE, counts=_count_rows(counts), page=page)

    def _write(self, entry_id: int, kind: str, step: Step, **columns: Any) -> None:
        row = {
            "entry_id": entry_id,
            "kind": str(kind),
            "step": str(step),
            "attempt_id": self._attempt_id,
            "run": self._airflow_run,
            "closed_through": self._closed_through,
            "time": dt.datetime.now(dt.UTC),
            **columns,
        }
        self._append(row, step.txn_app, entry_id)


def _range_row(each: OffsetRange) -> dict[str, Any]:
    return {**asdict(each.at), "start": each.start, "until": each.until}


def _count_rows(counts: Sequence[Count]) -> list[dict[str, Any]]:
    return [{**asdict(each), "destination": str(each.destination)} for each in sorted(counts)]
