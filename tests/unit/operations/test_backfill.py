"""The plan of a backfill, and what Airflow is asked for."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lakehouse.clients.airflow import AirflowApi
from lakehouse.settings import Settings
from operations import backfill
from operations.backfill import BackfillRequest, DayPlan, check, day_plans, states_by_day
from operations.changed_days import ChangedDay
from operations.cli import main
from operations.completeness import DayError

D1, D2, D3 = (dt.date(2026, 3, n) for n in (1, 2, 3))


def test_days_run_in_the_order_asked_for_both_ends_included() -> None:
    assert BackfillRequest(D1, D3).days == [D1, D2, D3]
    assert BackfillRequest(D1, D3, reverse=True).days == [D3, D2, D1]


def test_airflow_is_asked_for_the_logical_dates_of_the_days() -> None:
    body = BackfillRequest(D1, D3, reverse=True, reprocess=True, rebuild=True).body()
    assert body == {
        "dag_id": "build_day",
        "from_date": "2026-03-01T00:00:00Z",
        "to_date": "2026-03-03T00:00:00Z",
        "run_backwards": True,
        "dag_run_conf": {"rebuild_from_raw": True, "reason": "backfill of 2026-03-01 to 2026-03-03"},
        "reprocess_behavior": "completed",
        "max_active_runs": backfill.MAX_ACTIVE_RUNS,
    }
    plain = BackfillRequest(D1, D1).body()
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
        check(BackfillRequest(first, last), today=D3)


def test_the_plan_says_of_each_day_how_it_is_and_what_would_run() -> None:
    plan = day_plans(
        [D3, D2, D1], {D3, D1}, {D3: ["events-0: offsets [5, 9)"], D2: []}, {D1: 4, D2: 5}, {D1: "entry 6"}
    )
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


class Airflow(AirflowApi):
    """A backfill of two days that ends at the second look."""

    def __init__(self) -> None:
        self.looks = 0

    def get(self, path: str) -> dict[str, Any]:
        assert path == "/backfills/3"
        self.looks += 1
        return {"completed_at": None if self.looks < 2 else "2026-03-04T00:00:00Z"}

    def runs(self, dag_id: str, query: str = "") -> list[dict[str, Any]]:
        assert "run_type=backfill" in query and "logical_date_gte=2026-03-01T00:00:00Z" in query
        second = "running" if self.looks < 2 else "failed"
        return [run_of(D1, "success"), run_of(D2, "success"), run_of(D3, second)]

    def link(self, dag_id: str, run_id: str) -> str:
        return run_id


def test_a_backfill_is_followed_to_its_end_and_each_day_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "POLL_SECONDS", 0)
    lines: list[str] = []
    states = backfill.follow(Airflow(), 3, [D3, D1], lines.append)
    assert states == {D1: "success", D3: "failed"}  # D2 was left alone: an older run of it says nothing
    assert lines == [
        "2026-03-01  success  backfill__2026-03-01",
        "2026-03-03  failed  backfill__2026-03-03",
    ]


def test_days_that_are_refused_are_said_in_whole_sentences() -> None:
    for wanted, words in (
        (BackfillRequest(D2, D1), "--from 2026-03-02 is after --to 2026-03-01"),
        (
            BackfillRequest(dt.date(2025, 3, 1), D2),
            "2025-03-01 to 2026-03-02 are more than 366 days; ask for fewer at once",
        ),
    ):
        with pytest.raises(DayError) as raised:
            check(wanted, today=D3)
        assert str(raised.value) == words
    check(BackfillRequest(dt.date(2025, 3, 2), D2), today=D3)  # 366 days
    check(BackfillRequest(D1, D1), today=D3)


def test_a_plan_asks_airflow_kafka_and_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    now = dt.datetime(2026, 3, 5, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    wanted, asked = BackfillRequest(D1, D2, reverse=True), list[Any]()

    class Api(AirflowApi):
        def __init__(self) -> None:
            """Asks nobody for a token."""

        def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
            asked.append((path, body))
            return {"backfills": [{"logical_date": "2026-03-02T02:00:00+02:00"}], "id": "7"}

    def answer(name: str, value: Any) -> Any:
        def ask(*given: Any) -> Any:
            asked.append((name, given[1]))
            return value

        return ask

    monkeypatch.setattr(backfill, "missing_of", answer("missing", {D1: ["x"]}))
    monkeypatch.setattr(backfill, "built_through", answer("built", {D2: 4}))
    monkeypatch.setattr(backfill, "changed_days", answer("changed", [ChangedDay(D2, 5, "entry 5")]))
    assert backfill.plan(Settings(), Api(), wanted, now) == [
        DayPlan(D2, True, (), 4, "entry 5"),
        DayPlan(D1, False, ("x",), None, None),
    ]
    days = [D2, D1]
    assert asked == [("/backfills/dry_run", wanted.body()), ("missing", days), ("built", days), ("changed", now)]
    with pytest.raises(DayError, match="not over"):
        backfill.plan(Settings(), Api(), BackfillRequest(D1, dt.date(2026, 3, 4)), now)
    assert backfill.run(Api(), wanted) == 7
    assert asked[-1] == ("/backfills", wanted.body())


def test_a_day_whose_run_is_not_there_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(backfill, "time", SimpleNamespace(sleep=slept.append))
    api, lines, days = Airflow(), list[str](), [dt.date(2026, 3, 9), D1]
    asked: list[str] = []
    runs = api.runs

    def noted(dag_id: str, query: str) -> list[dict[str, Any]]:
        asked.append(f"{dag_id}?{query}")
        return runs(dag_id, query)

    monkeypatch.setattr(api, "runs", noted)
    states = backfill.follow(api, 3, days, lines.append)
    assert states == {D1: "success", dt.date(2026, 3, 9): "not started"}
    assert lines == ["2026-03-01  success  backfill__2026-03-01"] and slept == [3.0]
    between = "logical_date_gte=2026-03-01T00:00:00Z&logical_date_lte=2026-03-09T00:00:00Z"
    assert asked == [f"build_day?run_type=backfill&{between}"] * 2


class Building:
    """A backfill of three days, of which two would run; what was asked of it is in `did`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.did: list[Any] = []
        self.plan = [DayPlan(D1, True, (), None, None), DayPlan(D2, False, (), 3, None), DayPlan(D3, True, (), 4, None)]
        self.states = {D1: "success", D3: "success"}
        monkeypatch.setattr("stack.airflow_login.connect", lambda settings: self)
        monkeypatch.setattr(backfill, "plan", self.planned)
        monkeypatch.setattr(backfill, "run", self.run)
        monkeypatch.setattr(backfill, "follow", self.follow)

    def planned(self, settings: Settings, api: object, wanted: BackfillRequest, now: dt.datetime) -> list[DayPlan]:
        assert api is self
        self.did.append(wanted)
        return self.plan

    def run(self, api: object, wanted: BackfillRequest) -> int:
        self.did.append("run")
        return 7

    def follow(self, api: object, number: int, days: list[dt.date], say: Any) -> dict[dt.date, str]:
        self.did.append((number, days))
        return self.states

    def asked(self, *options: str, answer: str = "") -> Result:
        arguments = ["backfill", "--from", "2026-03-01", "--to", "2026-03-03", *options]
        return CliRunner().invoke(main, arguments, input=answer)


PLANNED = [
    "2026-03-01  complete, not built: builds",
    "2026-03-02  complete, built through entry 3: left alone: it has a run already (--reprocess runs it again)",
    "2026-03-03  complete, built through entry 4: builds",
]
STARTED = "started backfill 7 of build_day: http://127.0.0.1:8090/dags/build_day/backfills"


@pytest.fixture
def building(monkeypatch: pytest.MonkeyPatch) -> Building:
    return Building(monkeypatch)


def test_the_command_shows_asks_starts_and_follows(building: Building) -> None:
    result = building.asked(answer="y\n")
    assert result.output.splitlines() == [
        *PLANNED, "Run 2 of 3 days? [y/N]: y", STARTED, "all 2 days are built",
    ]  # fmt: skip
    assert (result.exit_code, building.did) == (0, [BackfillRequest(D1, D3), "run", (7, [D1, D3])])


def test_the_command_hands_on_how_the_days_are_to_be_built(building: Building) -> None:
    result = building.asked("--reverse", "--reprocess", "--rebuild", "--yes", "--no-wait")
    assert result.output.splitlines()[0] == "2026-03-01  complete, not built: rebuilds from raw, then builds"
    assert result.output.splitlines()[3:] == [STARTED]
    assert (result.exit_code, building.did) == (0, [BackfillRequest(D1, D3, True, True, True), "run"])


def test_the_command_starts_nothing_unless_it_is_to_and_may(building: Building) -> None:
    assert building.asked(answer="n\n").exit_code == 1
    result = building.asked("--dry-run")
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "2 of 3 days would run, nothing was started")
    building.plan = building.plan[1:2]
    result = building.asked()
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "0 of 1 days would run")
    assert "run" not in building.did


def test_days_that_are_not_built_end_the_command_with_1(building: Building) -> None:
    building.states = {D1: "failed", D2: "success", D3: "not started"}
    result = building.asked("--yes")
    words = "Error: 2 of 3 days are not built: 2026-03-01 (failed), 2026-03-03 (not started); see their runs"
    assert (result.exit_code, result.output.splitlines()[-1]) == (1, words)


def test_what_is_no_day_is_said(building: Building) -> None:
    result = building.asked("--to", "today")
    assert result.exit_code == 2 and "'today' is no day; write it 2026-01-31" in result.output
    result = building.asked("--to", "2026-02-01")
    assert (result.exit_code, result.output) == (1, "Error: --from 2026-03-01 is after --to 2026-02-01\n")
