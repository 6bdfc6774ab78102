"""Monthly snapshots of the inventory: which are valid, which to make, and how each is made from the one before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

from jobs.daily import builds
from jobs.daily.builds import Build, Builds
from jobs.daily.sums import named_errors, summed
from jobs.delta.conflicts import replace_newest
from jobs.runtime.at_work import at_work
from lakehouse import names

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.runtime.job import Job


class Plan(NamedTuple):
    """The months to snapshot, oldest first, each with the month that it starts from; and builds that block others."""

    months: list[tuple[dt.date, dt.date | None]]
    unfinished: list[Build]


def next_month(month: dt.date) -> dt.date:
    """The first day of the month after the one that `month` lies in."""
    return (month.replace(day=1) + dt.timedelta(days=32)).replace(day=1)


def builds_until(started: Collection[Build], month: dt.date) -> int:
    """The number of builds of days up to the end of the month."""
    return sum(build.day < next_month(month) for build in started)


def valid_months(started: Collection[Build], snapshots: Mapping[dt.date, int]) -> list[dt.date]:
    """The months whose snapshot holds every build of its days, as the view decides it.

    `snapshots`: month -> builds held.

    Builds are only ever added, so an equal number means the same builds. A build is on record before its day changes,
    so the same builds mean the same days.
    """
    return sorted(month for month, held in snapshots.items() if 0 < held == builds_until(started, month))


def plan(known: Builds, snapshots: Mapping[dt.date, int], today: dt.date) -> Plan:
    """The plan for months that are over. `known` must have been read before the changes are.

    A month with an unfinished build is left out, with all later ones: its days may change without another record.
    """
    if not known.started:
        return Plan([], [])
    valid = valid_months(known.started, snapshots)
    unfinished = known.unfinished()
    months: list[tuple[dt.date, dt.date | None]] = []
    base: dt.date | None = None
    month = min(build.day for build in known.started).replace(day=1)
    while next_month(month) <= today:
        waiting = [build for build in unfinished if build.day < next_month(month)]
        if waiting:
            return Plan(months, waiting)
        if month not in valid:
            months.append((month, base))
        base = month
        month = next_month(month)
    return Plan(months, [])


def make_months(job: Job, today: dt.date) -> list[dt.date]:
    """Snapshots every month that is over and has no valid snapshot. Returns the months it made.

    The builds are read before the changes. If a day is built meanwhile, it may be in the snapshot, but its build is not
    in the number. Such a snapshot is not valid, and the next run makes another. Of two runs the one that saw more
    builds wins, whichever commits first: the number of builds is the version of the commit.

    Raises:
        SumError: a player's stock is too big for its column.
    """
    known = builds.read(job.spark, job.path(names.DAY_BUILDS))
    job.hooks.at("after_builds_read")
    months = job.store.read(names.PLAYER_INVENTORY_MONTHS)
    held = {row["month"]: row["builds"] for row in months.select("month", "builds").distinct().collect()}
    todo = plan(known, held, today)
    for month, base in todo.months:
        number = builds_until(known.started, month)
        with named_errors(), at_work(job, f"the inventory at the end of {month:%Y-%m} is built"):
            replace_newest(
                stock(job, month, base).selectExpr(
                    "*", f"date '{month}' as month", f"cast({number} as bigint) as builds"
                ),
                job.path(names.PLAYER_INVENTORY_MONTHS),
                app=f"inventory {month}",
                version=number,
                replace_where=f"month = date '{month}'",
                say=job.say,
            )
        job.hooks.at("after_inventory_month")
        job.say(f"inventory at the end of {month:%Y-%m} holds {number} builds of days")
    for build in todo.unfinished:
        job.say(
            f"the build of {build.day} through entry {build.built_through} is not finished: no inventory snapshot of "
            f"{build.day:%Y-%m} and later until build_day has run again for {build.day}"
        )
    return [month for month, _ in todo.months]


def stock(job: Job, month: dt.date, base: dt.date | None) -> DataFrame:
    """player, item_type, item, quantity at the end of the month, from the snapshot of `base` and what changed since."""
    changes = job.store.read(names.PLAYER_ITEM_CHANGES)
    since = changes.where(f"event_date < date '{next_month(month)}'")
    parts = since.selectExpr("player", "item_type", "item", "change as quantity")
    if base is not None:
        since = since.where(f"event_date >= date '{next_month(base)}'")
        months = job.store.read(names.PLAYER_INVENTORY_MONTHS)
        parts = since.selectExpr("player", "item_type", "item", "change as quantity").unionAll(
            months.where(f"month = date '{base}'").select("player", "item_type", "item", "quantity")
        )
    remedy = (
        "Rebuild from raw the days on which the player's changes are largest (select event_date, change from "
        "game.player_item_changes): events above their contract's maximum then go to quarantine."
    )
    when = f"all days until {next_month(month) - dt.timedelta(days=1)}"
    return summed(parts, ["player", "item_type", "item"], "quantity", when=when, remedy=remedy)
