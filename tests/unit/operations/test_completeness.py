"""Which day a run builds, and what is missing of it."""

from __future__ import annotations

import datetime as dt

import pytest

from lakehouse.ledger.offsets import TopicPartition
from operations.completeness import DayError, day_of, lacking

DAY = dt.date(2026, 3, 4)
NOW = dt.datetime(2026, 3, 9, 1, tzinfo=dt.UTC)
A, B = TopicPartition("events", "id-1", 0), TopicPartition("events", "id-1", 1)


def test_a_day_is_complete_when_every_partition_is_done_up_to_the_next_day() -> None:
    assert lacking({A: 7, B: 3}, {A: 7, B: 2}, DAY) == []


def test_what_is_missing_is_named_with_its_offsets() -> None:
    sentences = lacking({A: 5}, {A: 7, B: 2}, DAY)
    assert [sentence.partition(" of ")[0] for sentence in sentences] == [
        "events-0: offsets [5, 7)",
        "events-1: offsets [0, 2)",
    ]


def test_ingests_of_a_deleted_topic_do_not_count_for_the_one_made_after_it() -> None:
    assert lacking({TopicPartition("events", "id-0", 0): 100}, {A: 1}, DAY)


def test_a_partition_without_messages_is_complete() -> None:
    assert lacking({}, {A: 0}, DAY) == []


def test_the_day_asked_for_comes_before_the_interval_and_that_before_yesterday() -> None:
    interval = dt.datetime(2026, 3, 5, tzinfo=dt.UTC)
    assert day_of("2026-03-04", interval, NOW, NOW) == dt.date(2026, 3, 4)
    assert day_of(None, interval, NOW, NOW) == dt.date(2026, 3, 5)
    assert day_of(None, None, NOW, NOW) == dt.date(2026, 3, 8)


def test_an_interval_in_another_zone_is_a_day_of_utc() -> None:
    midnight_in_berlin = dt.datetime(2026, 3, 5, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    assert day_of(None, midnight_in_berlin, NOW, NOW) == dt.date(2026, 3, 4)


@pytest.mark.parametrize("wanted", ["2026-03-09", "2027-01-01"])
def test_a_day_that_is_not_over_is_refused_with_the_last_that_is(wanted: str) -> None:
    with pytest.raises(DayError, match="2026-03-08"):
        day_of(wanted, None, NOW, NOW)


@pytest.mark.parametrize("wanted", ["1969-12-31", "0001-01-01"])
def test_a_day_before_kafkas_first_is_refused_with_those_that_can_be_built(wanted: str) -> None:
    assert day_of("1970-01-01", None, NOW, NOW) == dt.date(1970, 1, 1)
    with pytest.raises(DayError, match="from 1970-01-01 to 2026-03-08 can be built"):
        day_of(wanted, None, NOW, NOW)


@pytest.mark.parametrize("wanted", ["yesterday", "2026-02-30", "04.03.2026"])
def test_a_day_that_is_no_date_is_refused(wanted: str) -> None:
    with pytest.raises(DayError, match="YYYY-MM-DD"):
        day_of(wanted, None, NOW, NOW)
