"""Reading the ledger without Spark, on a table in a local folder; tests/integration/test_ledger.py has all of it on HDFS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from jobs.ledger.delta_ledger import DeltaLedger
from lakehouse.ledger.entries import LedgerError

SCHEMA = pa.schema({"entry_id": pa.int64(), "kind": pa.string(), "closed_through": pa.int64()})
NO_STATISTICS = {"delta.dataSkippingNumIndexedCols": "0"}


def write(folder: Path, entry_ids: Sequence[int]) -> None:
    rows = [{"entry_id": each, "kind": "ingest", "closed_through": 0} for each in entry_ids]
    write_deltalake(folder, pa.Table.from_pylist(rows, schema=SCHEMA), mode="append")


def opened(folder: Path) -> DeltaLedger:
    return DeltaLedger(cast(Any, None), str(folder), "one", "by hand")


def ids(ledger: DeltaLedger, first: int, last: int | None = None) -> list[int]:
    return sorted(row["entry_id"] for row in ledger._rows(first, last))


@pytest.fixture(params=[{}, NO_STATISTICS], ids=["with statistics", "without statistics"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    DeltaTable.create(tmp_path, SCHEMA, configuration=request.param)
    return tmp_path


def test_an_empty_table_has_no_entry(table: Path) -> None:
    assert opened(table)._last_entry_id() == 0


def test_the_last_entry_is_the_greatest_of_all_files(table: Path) -> None:
    write(table, [3, 7])
    write(table, [5])
    assert opened(table)._last_entry_id() == 7


def test_rows_are_those_of_the_entries_asked_for(table: Path) -> None:
    write(table, [1, 2])
    write(table, [3, 4])
    ledger = opened(table)
    assert ids(ledger, 2, 3) == [2, 3]
    assert ids(ledger, 3) == [3, 4]


def test_what_others_commit_is_seen_by_a_reader_who_is_there_already(table: Path) -> None:
    write(table, [1])
    ledger = opened(table)
    assert ledger._last_entry_id() == 1
    write(table, [2])
    assert ledger._last_entry_id() == 2
    assert ids(ledger, 1) == [1, 2]


def test_the_last_entry_is_told_by_the_log_alone(tmp_path: Path) -> None:
    write(tmp_path, [4])
    for file in tmp_path.glob("*.parquet"):
        file.unlink()
    assert opened(tmp_path)._last_entry_id() == 4


def test_a_ledger_that_cannot_be_read_is_named_with_the_cause(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=f"the ledger at {tmp_path} cannot be read; is HDFS up\\? .*No files in log"):
        opened(tmp_path)._last_entry_id()
