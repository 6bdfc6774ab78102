"""The plan of a backfill, and what Airflow is asked for."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from operations import backfill
from operations.backfill import Wanted, check, planned, states_by_day
from operations.completeness import DayError

D1, D2, D3 = (dt.date(2026, 3, n) for n in (1, 2, 3))


def test_days_run_in_the_order_asked_for_both_ends_included() -> None:
    assert Wanted(D1, D3).days == [D1, D2, D3]
    assert Wanted(D1, D3, reverse=True).days == [D3, D2, D1]


def test_airflow_is_asked_for_the_logical_dates_of_the_days() -> None:
    body = Wanted(D1, D3, reverse=True, reprocess=True, rebuild=True).body()
    assert body == {
        "dag_id": "build_day",
        "from_date": "2026-03-01T00:00:00Z",
        "to_date": "2026-03-03T00:00:00Z",
        "run_backwards": True,
        "dag_run_conf": {"rebuild_from_raw": True, "reason": "backfill of 2026-03-01 to 2026-03-03"},
        "reprocess_behavior": "completed",
        "max_active_runs": backfill.MAX_ACTIVE_RUNS,
    }
    plain = Wanted(D1, D1).body()
    assert plain["reprocess_behavior"] == "none" and plain["dag_run_conf"] == {}


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (D2, D1, "is after"),
        (D1, D3, "not over.*2026-03-02"),
        (dt.date(2025, 1, 1), D2, "more than 366 days"),
        (dt.date(1969, 12, 30), dt.date(1969, 12, 31), "before 1970-01-01.*to 2026-03-02"),
        (dt.date(1, 1, 1), dt.date(1, 1, 2), "before 1970-01-01"),
        (D1, dt.date(9999, 12, 31), "not over"),
    ],
)
def test_days_that_cannot_run_are_refused(first: dt.date, last: dt.date, words: str) -> None:
    with pytest.raises(DayError, match=words):
        check(Wanted(first, last), today=D3)


def test_the_plan_says_of_each_day_how_it_is_and_what_would_run() -> None:
    plan = planned([D3, D2, D1], {D3, D1}, {D3: ["events-0: offsets [5, 9)"], D2: []}, {D1: 4, D2: 5}, {D1: "entry 6"})
    assert [line for each in plan for line in each.sentences(rebuild=False)] == [
        "2026-03-03  not complete, not built: builds, once it is complete (it waits up to 6 hours)",
        "            events-0: offsets [5, 9)",
        "2026-03-02  complete, built through entry 5: left alone: it has a run already (--reprocess runs it again)",
        "2026-03-01  complete, built through entry 4, changed since: builds",
    ]
    assert "rebuilds from raw, then builds" in plan[2].sentences(rebuild=True)[0]


def run_of(day: dt.date, state: str) -> dict[str, Any]:
    return {"logical_date": f"{day}T00:00:00Z", "state": state, "dag_run_id": f"backfill__{day}"}


def test_runs_without_a_logical_date_are_of_no_day() -> None:
    by_hand = {"logical_date": None, "state": "success", "dag_run_id": "manual"}
    assert states_by_day([by_hand, run_of(D1, "failed")]) == {D1: ("failed", "backfill__2026-03-01")}


class Airflow:
    """A backfill of two days that ends at the second look."""

    def __init__(self) -> None:
        self.looks = 0

    def get(self, path: str) -> dict[str, Any]:
        assert path == "/backfills/3"
        self.looks += 1
        return {"completed_at": None if self.looks < 2 else "2026-03-04T00:00:00Z"}

    def runs(self, dag_id: str, query: str) -> list[dict[str, Any]]:
        assert "run_type=backfill" in query and "logical_date_gte=2026-03-01T00:00:00Z" in query
        second = "running" if self.looks < 2 else "failed"
        return [run_of(D1, "success"), run_of(D2, "success"), run_of(D3, second)]

    def link(self, dag_id: str, run_id: str) -> str:
        return run_id


def test_a_backfill_is_followed_to_its_end_and_each_day_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "POLL_SECONDS", 0)
    lines: list[str] = []
    states = backfill.follow(Airflow(), 3, [D3, D1], lines.append)  # type: ignore[arg-type]
    assert states == {D1: "success", D3: "failed"}  # D2 was left alone: an older run of it says nothing
    assert lines == [
        "2026-03-01  success  backfill__2026-03-01",
        "2026-03-03  failed  backfill__2026-03-03",
    ]
