"""Which built days a later ledger entry changed: what is done since, against what each day was built through."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lakehouse import names
from lakehouse.query import query
from lakehouse.settings import Settings

LOOK_BACK = dt.timedelta(days=7)  # entries done before are not looked at again: this runs every hour
# A day without facts has no rows that say what it was built through. Its audit's time does, but for what was done while
# the day was being built.
BUILD_LIMIT = dt.timedelta(hours=2)
NOT_PUBLISHED = ("raw", "quarantine", "duplicate", "suppressed")
DAILY_TABLES = (names.DAILY_EVENT_COUNTS, names.DAILY_ITEM_SALES, names.PLAYER_ITEM_CHANGES)


@dataclass(frozen=True)
class Touch:
    """A done entry that added, replaced or deleted rows of a day's event tables; `done_at` is in UTC."""

    day: dt.date
    entry_id: int
    kind: str
    done_at: dt.datetime


@dataclass(frozen=True)
class Built:
    """How far a day is built: the entry that its rows tell (None: it has no rows), and when it was last audited."""

    through: int | None
    audited_at: dt.datetime | None = None


@dataclass(frozen=True)
class ChangedDay:
    """A built day and the newest entry that changed it since."""

    day: dt.date
    entry_id: int
    reason: str


def changed_days(settings: Settings, now: dt.datetime) -> list[ChangedDay]:
    """The built days that entries done within LOOK_BACK changed after they were built, oldest day first.

    Raises:
        QueryError: Trino does not answer.
    """
    touches = _touches(settings, now - LOOK_BACK)
    return changed(touches, built(settings, sorted({touch.day for touch in touches})))


def changed(touches: Iterable[Touch], days: Mapping[dt.date, Built]) -> list[ChangedDay]:
    """Compares what was touched with what the days were built through; a day that was never built is none of them."""
    newest: dict[dt.date, Touch] = {}
    for touch in touches:
        day = days.get(touch.day)
        if day is None or not _newer(touch, day):
            continue
        if touch.day not in newest or touch.entry_id > newest[touch.day].entry_id:
            newest[touch.day] = touch
    return [ChangedDay(day, touch.entry_id, _reason(touch, days[day])) for day, touch in sorted(newest.items())]


def built(settings: Settings, days: Sequence[dt.date]) -> dict[dt.date, Built]:
    """How far each of the days is built; those never built are left out."""
    if not days:
        return {}
    listed = ", ".join(f"date '{day}'" for day in days)
    parts = " union all ".join(
        f"select event_date as day, min(built_through) as through, cast(null as timestamp(3) with time zone) as audited_at "
        f"from {table.qualified} where event_date in ({listed}) group by event_date"
        for table in DAILY_TABLES
    )
    audited = (
        f"select day, cast(null as bigint), cast(max(time) as timestamp(3) with time zone) "
        f"from {names.AUDITS.qualified} where day in ({listed}) group by day"
    )
    rows = query(
        settings,
        f"select day, min(through) as through, max(audited_at) as audited_at from ({parts} union all {audited}) group by day",
    )
    return {row["day"]: Built(row["through"], row["audited_at"]) for row in rows}


def _touches(settings: Settings, since: dt.datetime) -> list[Touch]:
    """The newest done entry of each kind that touched a day, of those done since then."""
    ledger, time = names.LEDGER.qualified, f"timestamp '{since:%Y-%m-%d %H:%M:%S} UTC'"
    others = ", ".join(f"'{name}'" for name in NOT_PUBLISHED)
    rows = query(
        settings,
        f"""
        select c.event_date as day, max(entry_id) as entry_id, kind, max(time) as done_at
        from {ledger} cross join unnest(counts) as c(destination, topic, partition, event_date, rows)
        where step = 'done' and time >= {time} and kind <> 'rebuild'
          and c.rows > 0 and c.event_date is not null and c.destination not in ({others})
        group by c.event_date, kind
        union all
        select max(day) filter (where step = 'planned'), entry_id, 'rebuild', max(time)
        from {ledger} where kind = 'rebuild' and entry_id in (
          select entry_id from {ledger} where step = 'done' and kind = 'rebuild' and time >= {time})
        group by entry_id
        having coalesce(bool_or(any_match(comparison, c -> c.before <> c.after or c.changed > 0))
          filter (where step = 'decided' and comparison is not null), true)
        """,
    )
    return [Touch(row["day"], row["entry_id"], row["kind"], row["done_at"]) for row in rows if row["day"] is not None]


def _newer(touch: Touch, day: Built) -> bool:
    if day.through is not None:
        return touch.entry_id > day.through
    return day.audited_at is not None and touch.done_at > day.audited_at - BUILD_LIMIT


def _reason(touch: Touch, day: Built) -> str:
    before = f"was built through entry {day.through}" if day.through is not None else "was built without any events"
    return f"{touch.day} {before}; entry {touch.entry_id} ({touch.kind}) changed it since"
