"""The ledger in memory, for tests of code that uses a ledger. One test suite shows that it behaves as that in Delta."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from jobs.ledger.ledger import Ledger
from lakehouse.catalog.tables import LEDGER


class MemoryTable:
    """Rows, and the last version of each transaction id. Shared by the ledgers of several writers."""

    def __init__(self) -> None:
        self.rows: list[Mapping[str, Any]] = []
        self._versions: dict[str, int] = {}
        self._lock = threading.Lock()

    def append(self, row: Mapping[str, Any], app: str, version: int) -> None:
        with self._lock:
            if version > self._versions.get(app, -1):
                self._versions[app] = version
                self.rows.append(row)


class MemoryLedger(Ledger):
    """The ledger in a MemoryTable."""

    def __init__(self, table: MemoryTable, attempt_id: str, airflow_run: str) -> None:
        super().__init__(attempt_id, airflow_run)
        self._table = table

    def _last_entry_id(self) -> int:
        return max((row["entry_id"] for row in self._table.rows), default=0)

    def _rows(self, first: int, last: int | None = None) -> list[Mapping[str, Any]]:
        return [
            row for row in self._table.rows if first <= row["entry_id"] and (last is None or row["entry_id"] <= last)
        ]

    def _append(self, row: Mapping[str, Any], app: str, version: int) -> None:
        self._table.append(deepcopy({name: row.get(name) for name in LEDGER}), app, version)
