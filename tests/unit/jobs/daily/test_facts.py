"""A day's facts: counts and sums. A sum beyond 64 bits is an error that names whose sum it is."""

from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import DataFrame, SparkSession

from jobs.daily.facts import CHANGE_TYPE, event_counts, item_sales, player_changes
from jobs.daily.sums import MOST, SumError, named_errors

DAY = dt.date(2026, 11, 22)
EVENTS = f"player string, host string, event_type string, direction string, changes {CHANGE_TYPE}, sales boolean"


def events(spark: SparkSession, *changes: tuple[str, int], sales: bool = True) -> DataFrame:
    """An event each: by whom, and how many oak swords that gave."""
    rows = [(player, "host", "cart_action", None, [("sword", "oak", change)], sales) for player, change in changes]
    return spark.createDataFrame(rows, EVENTS)


def test_facts_are_what_the_events_add_up_to(spark: SparkSession) -> None:
    day = events(spark, ("ada", 3), ("ada", -5), ("bob", 2))
    assert [tuple(row) for row in event_counts(day).orderBy("player").collect()] == [
        ("ada", "host", "cart_action", None, 2),
        ("bob", "host", "cart_action", None, 1),
    ]
    assert [tuple(row) for row in item_sales(day, DAY).collect()] == [("sword", "oak", 5)]
    assert item_sales(events(spark, ("ada", 3), sales=False), DAY).collect() == []
    changes = player_changes(day, DAY)
    assert dict(changes.dtypes)["change"] == dict(item_sales(day, DAY).dtypes)["quantity"] == "bigint"
    assert sorted(tuple(row) for row in changes.collect()) == [("ada", "sword", "oak", -2), ("bob", "sword", "oak", 2)]


@pytest.mark.parametrize("change", [MOST, -MOST])
def test_the_largest_sum_is_kept_though_more_was_between(spark: SparkSession, change: int) -> None:
    day = events(spark, ("ada", change), ("ada", change), ("ada", -change))
    assert [row["change"] for row in player_changes(day, DAY).collect()] == [change]


def test_a_sum_too_big_names_day_player_item_and_the_remedy(spark: SparkSession) -> None:
    player = "ada ${env:HOME} 'x' SUM"
    with pytest.raises(SumError) as raised, named_errors():
        player_changes(events(spark, ("bob", 1), (player, MOST), (player, MOST)), DAY).collect()
    assert str(raised.value) == (
        f"day 2026-11-22, player {player}, item_type sword, item oak: the sum of change is 18446744073709551614, more than 64 "
        "bits hold (9223372036854775807). Rebuild the day from raw (`lakehouse backfill --from 2026-11-22 --to 2026-11-22 "
        "--reprocess --rebuild`): events above their contract's maximum, which older versions let in, then go to quarantine."
    )
    with (
        pytest.raises(SumError, match="day 2026-11-22, item_type sword, item oak: the sum of quantity"),
        named_errors(),
    ):
        item_sales(events(spark, ("ada", MOST), ("bob", 1)), DAY).collect()


def test_any_other_error_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match="another"), named_errors():
        raise ValueError("another")
