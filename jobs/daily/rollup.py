"""Rollup: builds one day of the daily tables from the event tables, and replaces that day."""

from __future__ import annotations

import datetime as dt

from jobs.daily import builds, facts
from jobs.daily.sums import named_errors
from jobs.delta.conflicts import replace_newest
from jobs.runtime.at_work import at_work
from jobs.runtime.job import Job
from jobs.runtime.session import tune_for
from lakehouse import names
from lakehouse.ledger.vocabulary import BuildCause


def build(job: Job, day: dt.date, cause: BuildCause = BuildCause.ROLLUP) -> int:
    """Builds the day. Returns the ledger entry through which it is built.

    `cause`: PROVISIONAL if the day is not over. The record of builds keeps it, so that the day counts as not built.

    The ledger is read before the tables. So rows that are published meanwhile are either in the facts or start another
    build. A build from older entries than those of the existing build changes nothing. The build is on record before a
    table changes, so that no inventory snapshot without it counts as valid.

    Raises:
        SumError: a sum of the day is too big for its column.
    """
    built_through = job.ledger.read().closed_through
    tune_for(job.spark, None)
    job.hooks.at("after_built_through")
    tables = {name: job.store.read(names.event_table(name)) for name in job.contracts.tables}
    events = facts.events_of_day(tables, job.contracts, day)
    builds.start(job, [day], built_through, cause)
    job.hooks.at("after_build_started")
    for table, rows in (  # tables whose sums can be too big come first, so that an error leaves the day unchanged
        (names.PLAYER_ITEM_CHANGES, facts.player_changes(events, day)),
        (names.DAILY_ITEM_SALES, facts.item_sales(events, day)),
        (names.DAILY_EVENT_COUNTS, facts.event_counts(events)),
    ):
        stamped = rows.selectExpr(
            "*", f"cast({built_through} as bigint) as built_through", f"date '{day}' as event_date"
        )
        with named_errors(), at_work(job, f"{table.qualified} of {day} is built"):
            replace_newest(
                stamped.coalesce(1),
                job.path(table),
                app=f"build {table.name} {day}",
                version=built_through,
                replace_where=f"event_date = date '{day}'",
                say=job.say,
            )
        job.hooks.at(f"after_build:{table.name}")
        job.say(f"{table.qualified} of {day} is built through entry {built_through}")
    builds.finish(job, [day], built_through, cause)
    return built_through
