"""A day's facts from the event tables: counts, sales, and what each player gained or lost. All are sums."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import reduce
from typing import TYPE_CHECKING

from jobs.daily.sums import summed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.contract.model import Contract, Contracts

CHANGE_TYPE = "array<struct<item_type: string, item: string, change: bigint>>"


def events_of_day(tables: Mapping[str, DataFrame], contracts: Contracts, day: dt.date) -> DataFrame:
    """One row an event of the day: player, host, event_type, direction, changes (CHANGE_TYPE), sales.

    `tables`: the event tables by name. A table without events of the day adds no row.
    """
    parts = [
        _facts(tables[contract.table].where(f"event_date = date '{day}'"), contract) for contract in contracts.values()
    ]
    return reduce(lambda one, other: one.unionAll(other), parts)


def event_counts(events: DataFrame) -> DataFrame:
    """player, host, event_type, direction, events."""
    return events.groupBy("player", "host", "event_type", "direction").count().withColumnRenamed("count", "events")


def item_sales(events: DataFrame, day: dt.date) -> DataFrame:
    """item_type, item, quantity: what was gained by sales. A sum beyond 64 bits is an error, see sums.py."""
    sold = events.where("sales").selectExpr("inline(changes)").where("change > 0")
    return _summed(sold.withColumnRenamed("change", "quantity"), ["item_type", "item"], "quantity", day)


def player_changes(events: DataFrame, day: dt.date) -> DataFrame:
    """player, item_type, item, change. A sum beyond 64 bits is an error, see sums.py."""
    changes = events.selectExpr("player", "inline(changes)")
    return _summed(changes, ["player", "item_type", "item"], "change", day)


def _summed(rows: DataFrame, by: list[str], value: str, day: dt.date) -> DataFrame:
    remedy = (
        f"Rebuild the day from raw (`lakehouse backfill --from {day} --to {day} --reprocess --rebuild`): events above their "
        "contract's maximum, which older versions let in, then go to quarantine."
    )
    return summed(rows, by, value, when=f"day {day}", remedy=remedy)


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
