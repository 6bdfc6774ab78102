"""Which days are to be built again."""

from __future__ import annotations

import datetime as dt

from operations.changed_days import Touch, changed

DAY, OTHER = dt.date(2026, 3, 4), dt.date(2026, 3, 5)


def touch(entry_id: int, day: dt.date = DAY, kind: str = "replay") -> Touch:
    return Touch(day, entry_id, kind)


def test_a_day_is_changed_by_an_entry_newer_than_what_it_was_built_through() -> None:
    (found,) = changed([touch(7)], {DAY: 6})
    assert (found.day, found.entry_id) == (DAY, 7)
    assert found.reason == "2026-03-04 was built through entry 6; entry 7 (replay) changed it since"


def test_a_day_that_was_built_with_the_entry_is_not() -> None:
    assert changed([touch(7), touch(3)], {DAY: 7}) == []


def test_the_newest_of_several_changes_speaks_so_that_one_build_is_enough() -> None:
    for touches in ([touch(9), touch(10)], [touch(10), touch(9)]):
        found = changed([*touches, touch(11, OTHER)], {DAY: 5, OTHER: 10})
        assert [(each.day, each.entry_id) for each in found] == [(DAY, 10), (OTHER, 11)]


def test_a_day_that_was_never_built_waits_for_its_first_build() -> None:
    assert changed([touch(7)], {OTHER: 1}) == []


def test_a_day_that_was_built_before_anything_was_published_is_changed_by_the_first_entry() -> None:
    assert [each.entry_id for each in changed([touch(1)], {DAY: 0})] == [1]
