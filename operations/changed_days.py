"""Finds the built days that a later ledger entry changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lakehouse import names
from lakehouse.clients.trino import query
from lakehouse.ledger.vocabulary import NOT_PUBLISHED, BuildCause, BuildStep, Kind, Step, sql_list
from lakehouse.settings import Settings

LOOK_BACK = dt.timedelta(days=7)  # older entries need no second check, since this runs every hour


@dataclass(frozen=True)
class Touch:
    """A done entry that added, replaced or deleted rows of a day's event tables."""

    day: dt.date
    entry_id: int
    kind: str


@dataclass(frozen=True)
class ChangedDay:
    """A built day, the newest entry that changed it since, and a sentence that says so."""

    day: dt.date
    entry_id: int
    reason: str


def changed_days(settings: Settings, now: dt.datetime) -> list[ChangedDay]:
    """The built days before today that entries done within LOOK_BACK changed after the build, oldest first.

    Raises:
        QueryError: Trino does not answer.
    """
    today = now.astimezone(dt.UTC).date()  # today is built when it is over
    touches = [touch for touch in _touches(settings, now - LOOK_BACK) if touch.day < today]
    return changed(touches, built_through(settings, sorted({touch.day for touch in touches})))


def changed(touches: Iterable[Touch], built: Mapping[dt.date, int]) -> list[ChangedDay]:
    """Compares the entries that touched a day with the entry through which it was built.

    Days never built are left out.
    """
    newest: dict[dt.date, Touch] = {}
    for touch in touches:
        if touch.entry_id > built.get(touch.day, touch.entry_id):
            newest[touch.day] = max(touch, newest.get(touch.day, touch), key=lambda each: each.entry_id)
    return [
        ChangedDay(
            day,
            touch.entry_id,
            f"{day} was built through entry {built[day]}; entry {touch.entry_id} ({touch.kind}) changed it since",
        )
        for day, touch in sorted(newest.items())
    ]


def built_through(settings: Settings, days: Sequence[dt.date]) -> dict[dt.date, int]:
    """The last ledger entry that the build of each day has seen.

    Days without a build are left out; empty days may have one.
    """
    if not days:
        return {}
    listed = ", ".join(f"date '{day}'" for day in days)
    rows = query(
        settings,
        f"select day, max(built_through) as built_through from {names.DAY_BUILDS.qualified} "
        f"where cause = '{BuildCause.ROLLUP}' and step = '{BuildStep.FINISHED}' and day in ({listed}) group by day",
    )
    return {row["day"]: row["built_through"] for row in rows}


def _touches(settings: Settings, since: dt.datetime) -> list[Touch]:
    """The entries done since then: the newest of each day and kind, and every rebuild that changed rows."""
    ledger, time = names.LEDGER.qualified, f"timestamp '{since.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC'"
    rows = query(
        settings,
        f"""
        select c.event_date as day, max(entry_id) as entry_id, kind
        from {ledger} cross join unnest(counts) as c(destination, topic, partition, event_date, rows)
        where step = '{Step.DONE}' and time >= {time} and kind <> '{Kind.REBUILD}'
          and c.rows > 0 and c.event_date is not null and c.destination not in ({sql_list(NOT_PUBLISHED)})
        group by c.event_date, kind
        union all
        select max(day) filter (where step = '{Step.PLANNED}'), entry_id, '{Kind.REBUILD}'
        from {ledger} where kind = '{Kind.REBUILD}' and entry_id in (
          select entry_id from {ledger} where step = '{Step.DONE}' and kind = '{Kind.REBUILD}' and time >= {time})
        group by entry_id
        having coalesce(bool_or(any_match(comparison, c -> c.before <> c.after or c.changed > 0))
          filter (where step = '{Step.DECIDED}' and comparison is not null), true)
        """,
    )
    return [Touch(row["day"], row["entry_id"], row["kind"]) for row in rows if row["day"] is not None]
