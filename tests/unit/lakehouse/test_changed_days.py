"""Which days are to be built again."""

from __future__ import annotations

import datetime as dt

from lakehouse.changed_days import BUILD_LIMIT, Built, Touch, changed

DAY, OTHER = dt.date(2026, 3, 4), dt.date(2026, 3, 5)
DONE = dt.datetime(2026, 3, 9, 12, tzinfo=dt.UTC)


def touch(entry_id: int, day: dt.date = DAY, kind: str = "replay") -> Touch:
    return Touch(day, entry_id, kind, DONE)


def test_a_day_is_changed_by_an_entry_newer_than_what_it_was_built_through() -> None:
    (found,) = changed([touch(7)], {DAY: Built(6)})
    assert (found.day, found.entry_id) == (DAY, 7)
    assert found.reason == "2026-03-04 was built through entry 6; entry 7 (replay) changed it since"


def test_a_day_that_was_built_with_the_entry_is_not() -> None:
    assert changed([touch(7), touch(3)], {DAY: Built(7)}) == []


def test_the_newest_of_several_changes_speaks_so_that_one_build_is_enough() -> None:
    found = changed([touch(9, kind="erase"), touch(8), touch(11, OTHER), touch(10)], {DAY: Built(5), OTHER: Built(10)})
    assert [(each.day, each.entry_id) for each in found] == [(DAY, 10), (OTHER, 11)]


def test_a_day_that_was_never_built_waits_for_its_first_build() -> None:
    assert changed([touch(7)], {}) == []


def test_a_day_built_without_events_is_changed_by_what_was_done_after_its_audit() -> None:
    assert [each.entry_id for each in changed([touch(7)], {DAY: Built(None, DONE - dt.timedelta(days=1))})] == [7]
    assert changed([touch(7)], {DAY: Built(None, DONE + BUILD_LIMIT)}) == []


def test_what_was_done_while_an_empty_day_was_being_built_counts_as_a_change() -> None:
    # Its rows would tell; it has none, so it is rather built once too often.
    assert changed([touch(7)], {DAY: Built(None, DONE + BUILD_LIMIT / 2)})
