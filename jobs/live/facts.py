"""What the event tables say of players, and which of an entry's events are notable: DataFrames in, values out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

from jobs.daily.facts import CHANGE_TYPE
from lakehouse.live import MEMBERSHIP, Item, ItemName, Moment, Notification, Player

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.contract.model import Contract, Contracts

_PLACE = "struct(at, topic, `partition`, `offset`)"


class Found(NamedTuple):
    """A player, and what the rows say; None if there is no row."""

    name: str
    player: Player | None


def occurrences(tables: Mapping[str, DataFrame], contracts: Contracts) -> DataFrame:
    """One row an event: player, event_id, event_type, at (microseconds), topic, partition, offset, changes (CHANGE_TYPE).

    `tables`: rows of event tables, by name, at least one that a contract has; of those that are not there, none is taken.
    """
    parts = [_occurrences(tables[each.table], each) for each in contracts.values() if each.table in tables]
    return reduce(lambda one, other: one.unionAll(other), parts)


def _occurrences(rows: DataFrame, contract: Contract) -> DataFrame:
    return rows.where("player is not null").selectExpr(
        "player",
        "event_id",
        "event_type",
        "unix_micros(kafka_timestamp) as at",
        "topic",
        "`partition`",
        "`offset`",
        f"cast({contract.facts.changes or 'null'} as {CHANGE_TYPE}) as changes",
    )


def by_player(events: DataFrame) -> DataFrame:
    """One row a player: player, last_seen (null if there is no event), items.

    `events`: as `occurrences` gives them. A player whose other columns are null is one without an event. Sums are decimals,
    which do not overflow.
    """
    gone = f"item_type = '{MEMBERSHIP}' and change"
    return (
        events.selectExpr("player", "at", f"{_PLACE} as place", "inline_outer(changes)")
        .groupBy("player", "item_type", "item")
        .agg(
            *_expressions(
                "max(at) as at",
                "sum(cast(change as decimal(20, 0))) as quantity",
                f"max(if({gone} > 0, place, null)) as gained",
                f"max(if({gone} < 0, place, null)) as lost",
            )
        )
        .groupBy("player")
        .agg(
            *_expressions(
                "max(at) as last_seen",
                "collect_list(if(quantity is null, null, "
                "struct(item_type, item, cast(quantity as string) as quantity, gained, lost))) as items",
            )
        )
    )


def _expressions(*sql: str) -> list[Any]:
    from pyspark.sql import functions as F

    return [F.expr(each) for each in sql]


def players_of(rows: DataFrame) -> Iterator[Found]:
    """The players that `by_player` found, fetched part by part."""
    for row in rows.toLocalIterator():
        if row["last_seen"] is None:
            yield Found(row["player"], None)
            continue
        items = {
            ItemName(each["item_type"], each["item"]): Item(
                int(each["quantity"]), _moment(each["gained"]), _moment(each["lost"])
            )
            for each in row["items"]
        }
        yield Found(row["player"], Player(row["last_seen"], items))


def _moment(place: Any) -> Moment | None:
    return None if place is None else Moment(*place)


def notable(events: DataFrame, most: int) -> list[Notification]:
    """The newest events that change what their player has, oldest first."""
    from pyspark.sql import functions as F

    found = events.where("size(changes) > 0").orderBy(F.expr(_PLACE).desc()).limit(most)
    rows = found.select("event_id", "event_type", "player", "at").collect()
    return [Notification(*row) for row in reversed(rows)]
