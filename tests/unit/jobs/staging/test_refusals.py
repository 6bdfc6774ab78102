"""Where staged rows go after the audit: refused rows alone to quarantine, all of a held batch, none with a waiver."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.results import AuditError, RowCounts
from expectations.rulebook import Rule
from jobs.staging import files, refusals
from lakehouse.catalog import tables
from lakehouse.contract.load import load_contracts
from lakehouse.contract.model import Contracts
from lakehouse.ledger.entries import Count, Decision, Refusal
from lakehouse.settings import Settings

DAY = dt.date(2026, 11, 22)
SWORDS, HORSES = "sword_purchases", "horse_purchases"
# offset, destination as judged, reason, quantity
ROWS: list[tuple[int, str, str | None, int | None]] = [
    (0, SWORDS, None, 1),
    (1, SWORDS, None, 7),
    (2, HORSES, None, 7),
    (3, "quarantine", "not_json", None),
    (4, "duplicate", None, 7),
    (5, "suppressed", None, 7),
    (6, SWORDS, None, 8),
]
TYPES = {SWORDS: "purchase_sword", HORSES: "purchase_horse"}


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    return load_contracts(Settings().contracts)


def rule(name: str = "odd", condition: str = "quantity > 5") -> Rule:
    return Rule(name, "d", "critical", "good", condition=condition)


@pytest.fixture
def staged(spark: SparkSession, contracts: Contracts) -> DataFrame:
    rows = [(*row, TYPES.get(row[1]), row[0] == 6) for row in ROWS]
    form = "`offset` bigint, destination string, reason_code string, quantity int, event_type string, accepted boolean"
    judged = spark.createDataFrame(rows, form).selectExpr(
        "*", "'events' as topic", "0 as `partition`", f"date '{DAY}' as event_date", "reason_code as rule"
    )
    return refusals.mark_refused(judged, [rule(), rule("large", "quantity > 6")], contracts, accepted="accepted")


def offsets(frame: DataFrame) -> list[int]:
    return sorted(row["offset"] for row in frame.collect())


@pytest.mark.parametrize(
    ("verdict", "swords", "horses", "quarantine"),
    [("passed", [0, 6], [], [1, 2, 3]), ("failed", None, None, [0, 1, 2, 3, 6]), ("waived", [0, 1, 6], [2], [3])],
)
def test_each_row_goes_to_one_place_by_the_verdict(
    staged: DataFrame, verdict: str, swords: list[int] | None, horses: list[int] | None, quarantine: list[int]
) -> None:
    assert offsets(staged.where(refusals.quarantined(verdict))) == quarantine
    if swords is not None and horses is not None:  # of a held batch nothing is published
        assert offsets(staged.where(refusals.published(SWORDS, verdict))) == swords
        assert offsets(staged.where(refusals.published(HORSES, verdict))) == horses
    rows = [files.count(staged)]
    decided = {each.destination: each.rows for each in refusals.as_decided(rows[0], verdict)}
    wanted = {SWORDS: len(swords or ()), HORSES: len(horses or ()), "quarantine": len(quarantine)}
    assert decided == {name: n for name, n in wanted.items() if n} | {"duplicate": 1, "suppressed": 1}


def test_rows_that_a_waiver_accepted_before_are_not_refused(staged: DataFrame) -> None:
    assert "accepted" not in staged.columns
    assert offsets(staged.where(refusals.IS_REFUSED)) == [1, 2]


def test_refused_rows_are_counted_by_the_first_rule_that_they_break(staged: DataFrame) -> None:
    assert refusals.refused(staged, files.count(staged)) == (Refusal("odd", 2),)
    assert refusals.good_rows(files.count(staged)) == 4


def test_the_tally_counts_each_destination_and_of_each_event_type_what_could_be_published(staged: DataFrame) -> None:
    found = files.tally(staged.withColumn("event_type", F.expr("if(`offset` = 5, null, 'purchase_sword')")))
    assert found.counts == files.count(staged)
    assert found.rows == RowCounts(7, 4, {"purchase_sword": 6}, {"purchase_sword": 4})
    of_types = files.tally(staged).rows
    assert (of_types.all_of, of_types.good_of) == ({"purchase_sword": 3, "purchase_horse": 1},) * 2


def test_nothing_is_asked_of_a_batch_without_refused_rows(staged: DataFrame) -> None:
    assert refusals.refused(staged, [Count(SWORDS, "events", 0, DAY, 1)]) == ()


def quarantined(frame: DataFrame, decision: Decision) -> dict[int, tuple[Any, ...]]:
    missing = [name for name in tables.QUARANTINE if name not in frame.columns and name not in ("entry_id", "at_fault")]
    full = frame.selectExpr("*", *[f"cast(null as {tables.QUARANTINE[name][0]}) as `{name}`" for name in missing])
    rows = files.quarantine_rows(full, decision, 7).collect()
    return {row["offset"]: (row["reason_code"], row["rule"], row["at_fault"]) for row in rows}


def test_a_refused_row_is_quarantined_by_the_rule_that_it_breaks_and_is_at_fault(staged: DataFrame) -> None:
    found = quarantined(staged, Decision("a", "h", "passed", (), (), "", ""))
    odd = ("audit:odd", "odd", True)
    assert found == {1: odd, 2: odd, 3: ("not_json", "not_json", True)}


def test_of_a_held_batch_culprits_are_told_from_what_is_only_held(staged: DataFrame) -> None:
    found = quarantined(staged, Decision("a", "h", "failed", ("event_id_once",), (), "", ""))
    odd, held = ("audit:odd", "odd", True), ("audit:event_id_once", "event_id_once", False)
    assert found == {0: held, 1: odd, 2: odd, 3: ("not_json", "not_json", True), 6: held}


def test_a_batch_that_was_staged_before_rules_of_rows_is_held_without_saying_who_is_at_fault(staged: DataFrame) -> None:
    old = staged.drop("broken_rules").where("offset in (0, 3)")
    found = quarantined(old, Decision("a", "h", "failed", ("odd",), (), "", ""))
    assert found == {0: ("audit:odd", "odd", None), 3: ("not_json", "not_json", True)}


def test_a_rule_that_spark_cannot_read_is_named_and_nothing_is_decided(
    staged: DataFrame, contracts: Contracts, tmp_path: Path
) -> None:
    judged = staged.drop("broken_rules")
    with pytest.raises(AuditError, match="strange .*nothing"):
        files.write_judged(judged, str(tmp_path / "s"), 1, [rule(), rule("strange", "nothing > 1")], contracts)
