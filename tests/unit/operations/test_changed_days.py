"""Which days are to be built again."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from lakehouse.ledger.vocabulary import NOT_PUBLISHED, sql_list
from lakehouse.settings import Settings
from operations import changed_days as changed_days_module
from operations.changed_days import ChangedDay, Touch, built_through, changed, changed_days

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


class Trino:
    """Answers with entries that touched days, then with the builds of days; keeps what it was asked."""

    def __init__(self, touches: list[tuple[dt.date | None, int, str]], builds: dict[dt.date, int]) -> None:
        self.touches = [{"day": day, "entry_id": entry, "kind": kind} for day, entry, kind in touches]
        self.builds = [{"day": day, "built_through": entry} for day, entry in builds.items()]
        self.asked: list[str] = []

    def query(self, settings: Settings, sql: str) -> list[dict[str, Any]]:
        self.asked.append(sql)
        return self.builds if "built_through" in sql else self.touches


def test_of_the_last_week_every_day_but_today_is_compared_with_its_build(monkeypatch: pytest.MonkeyPatch) -> None:
    now = dt.datetime(2026, 3, 6, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))  # the 5th, 23:00 UTC
    trino = Trino([(OTHER, 9, "ingest"), (DAY, 8, "ingest"), (None, 7, "rebuild")], {DAY: 6, OTHER: 1})
    monkeypatch.setattr(changed_days_module, "query", trino.query)
    assert changed_days(Settings(), now) == [
        ChangedDay(DAY, 8, "2026-03-04 was built through entry 6; entry 8 (ingest) changed it since")
    ]
    touched, built = trino.asked
    assert touched.count("time >= timestamp '2026-02-26 23:00:00 UTC'") == 2
    assert f"c.destination not in ({sql_list(NOT_PUBLISHED)})" in touched
    assert built.endswith("day in (date '2026-03-04') group by day")


def test_of_no_day_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    trino = Trino([], {DAY: 6})
    monkeypatch.setattr(changed_days_module, "query", trino.query)
    assert built_through(Settings(), []) == {} and trino.asked == []
    assert built_through(Settings(), [DAY, OTHER]) == {DAY: 6}
    assert "day in (date '2026-03-04', date '2026-03-05')" in trino.asked[0]
