"""How well a table is."""

from __future__ import annotations

import datetime as dt

import pytest

from expectations.pages import charts, health, shared
from expectations.pages.health import Health


@pytest.mark.parametrize(
    ("minutes", "found"),
    [(None, Health.UNKNOWN), (0, Health.GOOD), (20, Health.GOOD), (21, Health.WARN), (101, Health.BAD)],
)
def test_an_event_table_is_late_by_the_runs_that_it_missed(minutes: int | None, found: Health) -> None:
    lag = None if minutes is None else dt.timedelta(minutes=minutes)
    assert health.of_freshness(lag, 5) == found
    assert health.of_freshness(lag, 5, nothing_waits=True) == Health.GOOD


def test_a_daily_table_is_late_by_hours() -> None:
    found = [health.of_daily(None if lag is None else dt.timedelta(hours=lag)) for lag in (None, 25, 27, 51)]
    assert found == [Health.UNKNOWN, Health.GOOD, Health.WARN, Health.BAD]


def test_the_worst_part_is_that_of_the_whole() -> None:
    assert health.worst([Health.GOOD, Health.BAD, Health.WARN]) == Health.BAD
    assert health.worst([]) == Health.UNKNOWN
    assert health.of_quarantine(0, 0) == Health.GOOD
    assert (health.of_quarantine(0, 3), health.of_quarantine(1, 3)) == (Health.WARN, Health.BAD)
    assert (health.of_audit(0, 0), health.of_audit(0, 1), health.of_audit(1, 0)) == (
        Health.GOOD,
        Health.WARN,
        Health.BAD,
    )


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3600, "1 h"), (90_000, "1 d 1 h"), (-5, "0 s")]
)
def test_durations_are_said_in_their_two_largest_units(seconds: int, words: str) -> None:
    assert shared.duration(dt.timedelta(seconds=seconds)) == words


def test_the_run_of_a_job_that_somebody_started_by_hand_has_no_address() -> None:
    assert shared.run_address("http://a", "by hand") is None
    assert shared.run_address("http://a", "ingest/b+c") == "http://a/dags/ingest/runs/b%2Bc"


def test_charts_hold_no_script_and_escape_their_labels() -> None:
    svg = charts.bars(["<script>"], {"<b>": (charts.GOOD, [1])})
    assert (
        svg.startswith("<svg") and "<script" not in svg and "<b>" not in svg and "http://" not in svg.split(">", 1)[1]
    )


def test_a_time_axis_has_a_line_of_dots_for_each_kind() -> None:
    day = dt.datetime(2026, 11, 5, 12, tzinfo=dt.UTC)
    svg = charts.time_axis({"build": [day, day], "waiver <b>": [day]}, dt.date(2026, 11, 1), dt.date(2026, 11, 27))
    assert svg.count("<circle") == 3 and "build" in svg and "01 Nov" in svg
    assert "<script" not in svg and "<b>" not in svg


def test_a_line_needs_two_points() -> None:
    assert charts.sparkline([None, 1, None]) == "" and charts.sparkline([]) == ""
    line = charts.sparkline([0.5, None, 1])
    assert "<path" in line and "<style" not in line and "<script" not in line
