"""Which messages of a batch repeat an event that arrived before: the first arrival of an event_id is the event."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

from jobs.judging import message
from jobs.judging.batches import ARRIVAL_TYPES, arrival_batches
from jobs.judging.workers import in_workers
from lakehouse.catalog.tables import RAW_EVENTS
from lakehouse.ledger.vocabulary import MESSAGE_KEY

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.contract.model import Contracts

WINDOW_DAYS = 8  # a valid event_id's time is within 7 days before and 1 hour after the broker's
NARROW = dt.timedelta(hours=1)
ARRIVAL = ["batch_id", "topic", "partition", "offset"]
_ORDER = f"struct(late, {', '.join(f'`{name}`' for name in ARRIVAL)})"


class Bounds(NamedTuple):
    """Least and greatest event_id, event_date and batch_id of some messages that have an event_id."""

    ids: tuple[str, str]
    days: tuple[dt.date, dt.date]
    batches: tuple[int, int]


def bounds_of(batch: DataFrame) -> Bounds | None:
    """The bounds of the messages of `batch`; none if no message has an event_id."""
    pairs = [f"struct(min({name}), max({name}))" for name in ("event_id", "event_date", "batch_id")]
    (row,) = batch.where("event_id is not null").selectExpr(*pairs).collect()
    return Bounds(*map(tuple, row)) if row[0][0] is not None else None


def find_repeats(
    batch: DataFrame,
    raw: DataFrame,
    bounds: Bounds | None,
    contracts: Contracts,
    max_event_bytes: int,
    *,
    unreadable: DataFrame | None = None,
    late: bool = False,
) -> DataFrame | None:
    """The messages of `batch` whose event_id arrived before, with what the first arrival says of them.

    Args:
        batch: rows of the raw table.
        raw: the raw table; narrowed here to what can matter.
        bounds: of `batch`; may be wider.
        unreadable: messages (columns MESSAGE_KEY) that are not to be read; they are no arrivals.
        late: whether the messages of `batch` were unreadable until now, so that any other arrival of an id counts as
        earlier.

    Returns:
        None if no event_id arrived twice, as usual (no rows if only hashes of ids did). Else one row for each repeated
        message: `ARRIVAL`, and `reused`: whether it is another event than the first arrival (see
        lakehouse/contract/fingerprint.py), or passes while the first does not. Arrival order is (batch_id, topic,
        partition, offset). Days further apart than WINDOW_DAYS are not compared, so that a rebuild, which reads these
        days, sees the same.
    """
    if bounds is None:
        return None
    window = dt.timedelta(days=WINDOW_DAYS)
    earlier = "" if late else f"and batch_id <= {bounds.batches[1]} "
    near = raw.where(
        f"event_id between '{bounds.ids[0]}' and '{bounds.ids[1]}' {earlier}"
        f"and event_date between date '{bounds.days[0] - window}' and date '{bounds.days[1] + window}'"
    )
    ids = batch.where("event_id is not null").select("event_id").distinct()
    arrivals = near.select("event_id", "event_date", *ARRIVAL).join(ids, "event_id", "left_semi")
    if _is_narrow(bounds.ids) and not _may_repeat(near):
        return None  # without the join: usually no id is there twice, not even among the others
    if not _may_repeat(arrivals):
        return None
    twice = arrivals.groupBy("event_id").count().where("count > 1").select("event_id")
    # raw's event_id is found as text, be the value an event or not. Only the values of these few messages are parsed.
    # The result is a column under the window: Spark would move a condition below the join, and parse all messages.
    these = near.join(twice, "event_id", "left_semi")
    if unreadable is not None:
        these = these.join(unreadable, MESSAGE_KEY, "left_anti")
    own_places = batch.selectExpr(*message.quoted(ARRIVAL), "true as own")
    these = these.join(own_places, ARRIVAL, "left") if late else these.selectExpr("*", "cast(null as boolean) as own")
    kept = {"event_id": "string", "event_date": "date", "late": "boolean"}
    kept |= {name: RAW_EVENTS[name][0] for name in ARRIVAL}
    few = in_workers(
        these.selectExpr(
            *message.quoted([*ARRIVAL, "event_id", "event_date", "value", "kafka_timestamp"]), "own is not null as late"
        ),
        arrival_batches,
        {**kept, **ARRIVAL_TYPES},
        contracts=contracts,
        max_event_bytes=max_event_bytes,
        keep=tuple(kept),
    )
    ranked = few.selectExpr(
        "*",
        f"min(case when exact then struct({_ORDER} as place, fingerprint, passes) end) over (partition by event_id "
        f"order by unix_date(event_date) range between {WINDOW_DAYS} preceding and {WINDOW_DAYS} following) as first",
    )
    own = ranked.where(f"batch_id = {bounds.batches[1]}")
    if late:
        own = ranked.where("late")
    elif bounds.batches[0] != bounds.batches[1]:
        own = ranked.join(batch.select(*ARRIVAL), ARRIVAL, "left_semi")
    return own.where(f"exact and first.place < {_ORDER}").selectExpr(
        *message.quoted(ARRIVAL), "fingerprint <> first.fingerprint or (passes and not first.passes) as reused"
    )


def _is_narrow(ids: tuple[str, str]) -> bool:
    """Whether UUIDs (version 7: they begin with their milliseconds) lie so close that few others lie between them."""
    low, high = (int(each[:13].replace("-", ""), 16) for each in ids)
    return high - low <= NARROW.total_seconds() * 1000


def _may_repeat(messages: DataFrame) -> bool:
    """Whether two event_ids are equal, or at least their hashes (by chance for a million ids once in 30 million times).

    A hash is a single number, so comparing hashes takes a third less time. (All nulls have the same hash.)
    """
    hashes = messages.where("event_id is not null").selectExpr("xxhash64(event_id) as hash")
    return bool(hashes.groupBy("hash").count().where("count > 1").limit(1).collect())
