"""Results of checks are staged as one file that holds what was found, and never in place of another one."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from expectations.results import Check, Outcome
from jobs.staging import checks
from lakehouse.catalog.tables import CHECKS
from tests.unit.jobs.entries.world import World
from tests.unit.jobs.messages import CONTRACTS

AT = dt.datetime(2026, 11, 28, 23, 30, 1, 234_567, dt.UTC)
FOUND = [
    Check(
        "quantity",
        "d",
        "critical",
        "good",
        Outcome.FAILED,
        "3 rows",
        "none",
        ("purchase_sword",),
        "quantity",
        None,
        9,
        3,
    ),
    Check("size", "größe", "warning", "batch", Outcome.SKIPPED, "", "any", (), None, None, None, None),
]


def test_what_is_staged_is_read_as_it_was_found(spark: SparkSession, tmp_path: Path) -> None:
    world = World(spark, tmp_path)
    rows = checks.rows_of(FOUND, CONTRACTS, AT, entry_id=7)
    assert checks.stage(world.job(), rows, f"{tmp_path.as_uri()}/staging") == 2
    read = checks.staged(world.job(), f"{tmp_path.as_uri()}/staging")
    assert read.columns == list(CHECKS)
    texts = read.selectExpr("*", "date_format(audited_at, 'yyyy-MM-dd HH:mm:ss.SSSSSS') as text").collect()
    found = {row["name"]: row.asDict() for row in texts}
    assert found["quantity"]["text"] == "2026-11-28 23:30:01.234567"
    asked = ("entry_id", "day", "outcome", "tables", "field", "rows_checked", "rows_failing", "event_date")
    assert [found["quantity"][each] for each in asked] == [
        7, None, "failed", ["sword_purchases"], "quantity", 9, 3, AT.date()
    ]  # fmt: skip
    assert [found["size"][each] for each in asked] == [7, None, "skipped", [], None, None, None, AT.date()]
    assert found["size"]["description"] == "größe"
    by_spark = checks.frame_of(world.job(), rows).collect()
    assert sorted(map(tuple, read.collect()), key=str) == sorted(map(tuple, by_spark), key=str)


def test_a_second_staging_in_the_same_folder_replaces_nothing(spark: SparkSession, tmp_path: Path) -> None:
    job, folder = World(spark, tmp_path).job(), f"{tmp_path.as_uri()}/staging"
    checks.stage(job, checks.rows_of(FOUND, CONTRACTS, AT, entry_id=7), folder)
    with pytest.raises(FileExistsError):
        checks.stage(job, checks.rows_of(FOUND[:1], CONTRACTS, AT, entry_id=7), folder)
    assert checks.staged(job, folder).count() == 2
