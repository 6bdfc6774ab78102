"""The balance of a batch, and what is read back of what was staged."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, DataFrameReader, SparkSession

from jobs.staging.files import PARTITION_FROM_ROWS, BalanceError, check_balance, read, write
from lakehouse.ledger.entries import Count

DAY, NEXT = dt.date(2026, 11, 22), dt.date(2026, 11, 23)


def test_a_batch_that_adds_up_passes() -> None:
    staged = [
        Count("a", "events", 0, DAY, 2),
        Count("quarantine", "events", 0, DAY, 1),
        Count("duplicate", "events", 0, DAY, 1),
    ]
    check_balance([Count("raw", "events", 0, DAY, 4)], staged)


@pytest.mark.parametrize(
    "staged",
    [
        [Count("a", "events", 0, DAY, 3)],
        [Count("a", "events", 0, DAY, 5)],
        [Count("a", "events", 0, NEXT, 4)],
        [Count("a", "events", 1, DAY, 4)],
        [],
    ],
)
def test_a_row_too_few_too_many_or_elsewhere_stops_the_decision(staged: list[Count]) -> None:
    with pytest.raises(BalanceError, match="4 in raw, |0 in raw, "):
        check_balance([Count("raw", "events", 0, DAY, 4)], staged)


@pytest.mark.parametrize("rows", [2, PARTITION_FROM_ROWS])
def test_what_was_staged_is_read_in_its_types_whether_in_one_folder_or_in_several(
    spark: SparkSession, tmp_path: Path, rows: int
) -> None:
    form = "destination string, value binary, quantity bigint, names array<string>"
    judged = [("quarantine", b"1", None, ["a"]), ("sword_purchases", b"2", 7, None)]
    write(spark.createDataFrame(judged, form), str(tmp_path / "staged"), rows)
    assert (tmp_path / "staged" / "destination=quarantine").exists() == (rows == PARTITION_FROM_ROWS)
    staged = read(spark, str(tmp_path / "staged")).selectExpr("destination", "value", "quantity", "names")
    assert staged.schema.simpleString() == (
        "struct<destination:string,value:binary,quantity:bigint,names:array<string>>"
    )
    assert sorted(map(tuple, staged.collect())) == judged


def test_the_columns_of_a_folder_are_asked_for_once(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To ask for them is a job of Spark; who stages reads the folder, and who publishes does again."""
    folder = str(tmp_path / "staged")
    write(spark.createDataFrame([("a",)], "destination string"), folder, 1)
    asked: list[str] = []
    parquet = DataFrameReader.parquet

    def counted(self: DataFrameReader, *paths: str) -> DataFrame:
        asked.extend(paths)
        return parquet(self, *paths)

    monkeypatch.setattr(DataFrameReader, "parquet", counted)
    assert [read(spark, folder).count(), read(spark, folder).count()] == [1, 1]
    assert asked == [folder] * 3, "once for the columns, twice for the rows"
