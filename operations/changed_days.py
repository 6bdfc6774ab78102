"""Which built days a later ledger entry changed: what is done since, against what each day was built through."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lakehouse import names
from lakehouse.clients.trino import query
from lakehouse.ledger.vocabulary import NOT_PUBLISHED, BuildCause, BuildStep, Kind, Step, sql_list
from lakehouse.settings import Settings

LOOK_BACK = dt.timedelta(days=7)  # entries done before are not looked at again: this runs every hour


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
    """The built days, but today, that entries done within LOOK_BACK changed after they were built, oldest first.

    Raises:
        QueryError: Trino does not answer.
    """
    today = now.astimezone(dt.UTC).date()  # it is built when it is over
    touches = [touch for touch in _touches(settings, now - LOOK_BACK) if touch.day < today]
    return changed(touches, built_through(settings, sorted({touch.day for touch in touches})))


def changed(touches: Iterable[Touch], built: Mapping[dt.date, int]) -> list[ChangedDay]:
    """Compares what was touched with what the days were built through; a day that was never built is none of them."""
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
    """Of each of the days that is built, the last ledger entry that the build has seen; empty days count as built."""
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
    """Of the entries done since then, the newest of each kind that touched a day, and every rebuild that made a difference."""
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
