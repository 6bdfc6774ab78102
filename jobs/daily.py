"""A day's facts from the event tables: counts, sales and what each player gained or lost; all of them only add up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import reduce
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.contract import Contract, Contracts

CHANGE_TYPE = "array<struct<item_type: string, item: string, change: bigint>>"


def events_of_day(tables: Mapping[str, DataFrame], contracts: Contracts, day: dt.date) -> DataFrame:
    """One row an event of the day: player, host, event_type, direction, changes (CHANGE_TYPE), sales.

    `tables` are the event tables by name; those of a day without events give none.
    """
    parts = [
        _facts(tables[contract.table].where(f"event_date = date '{day}'"), contract) for contract in contracts.values()
    ]
    return reduce(lambda one, other: one.unionAll(other), parts)


def event_counts(events: DataFrame) -> DataFrame:
    """player, host, event_type, direction, events."""
    return events.groupBy("player", "host", "event_type", "direction").count().withColumnRenamed("count", "events")


def item_sales(events: DataFrame) -> DataFrame:
    """item_type, item, quantity: what was gained by an event that is a sale."""
    sold = events.where("sales").selectExpr("inline(changes)").where("change > 0")
    return (
        sold.groupBy("item_type", "item")
        .agg({"change": "sum"})
        .selectExpr("item_type", "item", "`sum(change)` as quantity")
    )


def player_changes(events: DataFrame) -> DataFrame:
    """player, item_type, item, change."""
    changes = events.selectExpr("player", "inline(changes)")
    return (
        changes.groupBy("player", "item_type", "item")
        .agg({"change": "sum"})
        .selectExpr("player", "item_type", "item", "`sum(change)` as change")
    )


def _facts(rows: DataFrame, contract: Contract) -> DataFrame:
    facts = contract.facts
    return rows.selectExpr(
        "player",
        "host",
        "event_type",
        f"cast({facts.direction or 'null'} as string) as direction",
        f"cast({facts.changes or 'null'} as {CHANGE_TYPE}) as changes",
        f"{str(facts.sales).lower()} as sales",
    )
