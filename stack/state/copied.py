"""Reads tables in the folder of a backup, without any server."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from lakehouse import names
from lakehouse.erasure_list import Erased, erased
from lakehouse.ledger.entries import Snapshot, fold
from lakehouse.texts import words_of
from stack.state.manifest import WAREHOUSE, BackupError


class Copied:
    """The copied warehouse. Methods raise BackupError if a table cannot be read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / WAREHOUSE

    @cached_property
    def ledger(self) -> Snapshot:
        return fold(self._rows(names.LEDGER))

    @property
    def erasures(self) -> list[Erased]:
        rows = self._rows(names.ERASURES)
        return [erased(row["player_hash"], row["erased_at"], row["who"], row["why"]) for row in rows]

    @property
    def newest_is_in_raw(self) -> bool:
        """Whether the newest planned batch is in raw.events: its append is a transaction with the batch's number."""
        newest = self.ledger.newest_ingest
        if newest is None or newest.closed:
            return True
        done = self._table(names.RAW_EVENTS).transaction_version("raw")
        return done is not None and done >= newest.entry_id

    def _rows(self, table: names.Table) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._table(table).to_pyarrow_dataset().to_table().to_pylist()
        return rows

    def _table(self, table: names.Table) -> Any:
        from deltalake import DeltaTable

        try:
            return DeltaTable(str(self._folder / table.database / table.name))
        except Exception as error:  # delta-rs has many classes for what is wrong with a table
            raise BackupError(
                f"{self._folder} has no table {table.qualified} that can be read ({words_of(error)}): a stack that was never "
                "up has no tables, `make up` makes them."
            ) from error
