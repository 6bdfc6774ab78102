"""ops.freshness: until when nothing of a table is missing, whatever is idle, made anew or waiting."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from expectations.pages import overview
from expectations.pages.counted import Counts
from expectations.pages.source import Source
from expectations.pages.waiting import Waiting
from lakehouse.catalog.views import DAILY_TABLES, FRESHNESS, INGESTED, create_views
from lakehouse.clients.trino import query
from tests.real import Real, event

pytestmark = pytest.mark.timeout(900)
BY = ("--who", "tester", "--why", "a test's reason")
D = dt.date(2026, 11, 1)


@pytest.fixture
def capped(stack: Real) -> Iterator[int]:
    """The view of a lakehouse whose last batch took as much as it may. Gives the entry before it."""
    before = int(stack.value("select max(entry_id) from ops.batches where kind = 'ingest' and status = 'done'"))
    stack.produce(event(), event())
    stack.ingest()
    create_views(stack.settings.model_copy(update={"max_events_per_batch": 2}), stack.contracts)
    yield before
    create_views(stack.settings, stack.contracts)


def through(stack: Real) -> dt.datetime:
    found = stack.value("select complete_through from ops.freshness where table_name = 'game.sword_purchases'")
    assert isinstance(found, dt.datetime)
    return found


def planned_at(stack: Real, entry_id: int) -> dt.datetime:
    found = stack.value(f"select planned_at from ops.batches where entry_id = {entry_id}")
    assert isinstance(found, dt.datetime)
    return found


def newest(stack: Real) -> int:
    return int(stack.value("select max(entry_id) from ops.batches where kind = 'ingest'"))


def test_event_tables_are_complete_through_the_plan_of_the_last_done_ingest_whatever_is_idle_or_made_anew(
    stack: Real,
) -> None:
    stack.produce(event())  # to one partition: the others are idle
    stack.ingest()
    first = planned_at(stack, newest(stack))
    assert through(stack) == first
    stack.produce(event("default"))  # nothing for this table
    stack.run("drain")  # planned, not done
    assert through(stack) == first
    stack.run("publish")
    second = planned_at(stack, newest(stack))
    assert through(stack) == second > first
    assert stack.value("select complete_through from ops.ingested") == second  # what the pages of event tables ask
    stack.run("rebuild", "--day", str(stack.value("select max(event_date) from raw.events")), *BY)
    assert through(stack) == second


def test_a_batch_that_took_as_much_as_it_may_has_perhaps_left_messages_behind(stack: Real, capped: int) -> None:
    assert through(stack) == planned_at(stack, capped)


def test_the_overview_says_of_each_table_what_the_view_says(stack: Real) -> None:
    """It makes it of other questions, which cost less."""
    stack.ingest()
    source = Source(lambda sql, parameters: query(stack.settings, sql, parameters))
    page = overview.load(source, Counts(), stack.contracts, Waiting, 5, dt.datetime.now(dt.UTC))
    said = {f"game.{each.name}": (each.complete_through, each.last_entry) for each in page.tables}
    rows = stack.query("select table_name, complete_through, last_entry_id from ops.freshness")
    assert len(rows) > 3
    for row in rows:
        assert said[row["table_name"]] == (row["complete_through"], row["last_entry_id"]), row["table_name"]


@pytest.mark.parametrize(
    ("with_events", "built", "complete"),
    [
        ([], [1, 2, 3], 4),
        ([1, 2, 3], [1, 2, 3], 4),
        ([1, 2, 3], [3, 2, 1], 4),
        ([1, 2, 3, 4], [1, 2, 4], 3),  # day 3 is missing: that a later one is built does not count
        ([2, 3], [2, 3, 10], 11),  # no events between
        ([0, 2], [1, 2], 3),  # before the first day that was ever built
        ([1], [], None),
    ],
)
def test_daily_tables_are_complete_through_the_first_day_with_events_that_is_not_built(
    stack: Real, with_events: list[int], built: list[int], complete: int | None
) -> None:
    def day(number: int) -> str:
        return f"date '{D + dt.timedelta(days=number)}'"

    # the view's own text over rows that are not in any table
    ledger = ", ".join(
        f"(bigint '1', 'ingest', 'done', current_timestamp, array[cast(row('t', 'i', 0, 0, 5) as "
        f"row(topic varchar, topic_id varchar, partition integer, start bigint, until bigint))], "
        f"array[row('sword_purchases', 'events', 0, {day(each)}, 1)])"
        for each in [*with_events, 0]
    )
    builds = ", ".join(f"({day(each)}, bigint '1', 'rollup', 'finished', current_timestamp)" for each in [*built, -99])
    view = FRESHNESS.strip().replace("ops.ingested", f"({INGESTED.format(most_events=1_000_000)})")
    view = view.replace("ops.ledger", "some_ledger").replace("ops.day_builds", "some_builds")
    rows = stack.query(
        f"""
        with some_ledger as (select * from (values {ledger})
          as t(entry_id, kind, step, time, ranges, counts)),
        some_builds as (select * from (values {builds}) as t(day, built_through, cause, step, time) where day > {day(-9)}),
        {view.removeprefix("with ")}
        """
    )
    daily = {row["complete_through"] for row in rows if row["table_name"].removeprefix("game.") in DAILY_TABLES}
    assert daily == {complete and dt.datetime.combine(D + dt.timedelta(days=complete), dt.time(), dt.UTC)}
