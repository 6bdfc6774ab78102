"""How a command reports a run: messages of its jobs, errors, and the exit code."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import click
import pytest
from kafka.errors import KafkaTimeoutError

from lakehouse.clients.airflow import AirflowApi, AirflowError
from operations import runs


def line(message: str, level: str = "info") -> str:
    """As a job writes it."""
    return f'{{"time": "2026-11-22T12:00:01Z", "level": "{level}", "job": "replay", "message": "{message}"}}'


SAID = [
    {"event": "Spark-Submit cmd: spark-submit replay.py", "level": "info"},
    {"event": line("entry 9 is this replay"), "level": "info"},
    line("  would go to messages: 3"),
    '{"message": "of another program"}',
    "{no JSON",
]
RED = [
    {"event": line("nothing was moved"), "level": "info"},
    {"event": "the first error", "level": "error"},
    {
        "event": "Task failed with exception",
        "level": "error",
        "error_detail": [{"exc_type": "AirflowFailException", "exc_value": "entry 9 failed its audit: a\nDo this."}],
    },
]


class Airflow(AirflowApi):
    """One run of replay and verdict that ends in `state`."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.polls = iter(["queued", "running", state])
        self.started: list[tuple[str, dict[str, Any] | None]] = []

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        self.started.append((dag_id, conf))
        return "r1"

    def link(self, dag_id: str, run_id: str) -> str:
        return f"http://airflow/dags/{dag_id}/runs/{run_id}"

    def run_state(self, dag_id: str, run_id: str) -> str:
        return next(self.polls)

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        common = {"try_number": 1, "map_index": -1}
        return [
            {"task_id": "verdict", "state": self.state, "start_date": "2", **common},
            {"task_id": "replay", "state": "success", "start_date": "1", **common},
            {"task_id": "find_changed_days", "state": "upstream_failed", "start_date": None, "try_number": 0},
        ]

    def task_messages(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1, map_index: int = -1) -> list[Any]:
        return RED if task_id == "verdict" and self.state == "failed" else SAID if task_id == "replay" else []


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "POLL_SECONDS", 0)


def start(state: str) -> list[str]:
    lines: list[str] = []
    runs.start(Airflow(state), "replay_quarantine", {}, lines.append, wait=True)
    return lines


def test_a_good_run_tells_what_its_job_said() -> None:
    assert start("success") == [
        "started replay_quarantine: http://airflow/dags/replay_quarantine/runs/r1",
        "entry 9 is this replay",
        "  would go to messages: 3",
        "replay_quarantine ended well: http://airflow/dags/replay_quarantine/runs/r1",
    ]


def test_a_red_run_says_which_task_why_and_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    with pytest.raises(SystemExit) as ended:
        runs.start(Airflow("failed"), "replay_quarantine", {}, lines.append, wait=True)
    assert ended.value.code == 1
    at = lines.index("verdict failed:")
    assert lines[at + 1 : at + 3] == ["  entry 9 failed its audit: a", "  Do this."]
    assert lines[-1].startswith("replay_quarantine failed: http://")


def test_a_run_that_does_not_end_is_not_taken_for_good() -> None:
    api = Airflow("success")
    outcome = runs.follow(api, "replay_quarantine", "r1", seconds=-1)
    assert not outcome.good and "still queued" in outcome.state


def test_an_error_without_exception_is_told_by_its_line() -> None:
    assert runs.error_lines(RED[:2]) == ["  the first error"]
    assert runs.error_lines([]) == []


def test_known_errors_become_one_line_and_others_do_not() -> None:
    with pytest.raises(click.ClickException, match="no login"), runs.one_line_errors():
        raise AirflowError("there is no login")
    with pytest.raises(KeyError), runs.one_line_errors():
        raise KeyError("a mistake of ours")


@pytest.mark.parametrize("why", ["", "   ", "x  "])
def test_a_reason_that_says_nothing_is_refused(why: str) -> None:
    with pytest.raises(click.BadParameter, match="too little"):
        runs.check_why(why)
    assert runs.check_why(" rule corrected ") == "rule corrected"


def test_a_red_run_is_told_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    with pytest.raises(SystemExit):
        runs.start(Airflow("failed"), "replay_quarantine", {"why": "x"}, lines.append, wait=True)
    assert lines == [
        "started replay_quarantine: http://airflow/dags/replay_quarantine/runs/r1",
        "entry 9 is this replay",
        "  would go to messages: 3",
        "nothing was moved",
        "verdict failed:",
        "  entry 9 failed its audit: a",
        "  Do this.",
        "replay_quarantine failed: http://airflow/dags/replay_quarantine/runs/r1",
    ]


def test_a_run_that_is_not_waited_for_is_only_started() -> None:
    api, lines = Airflow("success"), list[str]()
    runs.start(api, "replay_quarantine", {"why": "x"}, lines.append, wait=False)
    assert lines == ["started replay_quarantine: http://airflow/dags/replay_quarantine/runs/r1"]
    assert api.started == [("replay_quarantine", {"why": "x"})] and next(api.polls) == "queued"


def test_a_run_is_waited_for_as_long_as_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [100.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += 1

    monkeypatch.setattr(runs, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    monkeypatch.setattr(runs, "POLL_SECONDS", 0.25)
    api = Airflow("success")
    api.polls = iter(["running"] * 9)
    outcome = runs.follow(api, "a", "r1", seconds=2)
    assert outcome == runs.RunOutcome("is still running after 2 s", (), (), "http://airflow/dags/a/runs/r1")
    assert slept == [0.25] * 3


@pytest.mark.parametrize(
    ("messages", "lines"),
    [
        ([{"event": " a ", "level": "error"}, {"event": "b", "level": "critical"}], ["  a"]),
        ([{"event": "a", "level": "critical"}], ["  a"]),
        ([{"event": "a", "level": "info"}, "b"], []),
        ([{"error_detail": [{"exc_value": "old"}, {"exc_value": "why"}]}], ["  why"]),
        ([{"error_detail": [{"exc_value": "", "exc_type": "KeyError"}]}], ["  KeyError"]),
        ([{"event": "a", "level": "error"}, {"error_detail": [{"exc_value": ""}]}], ["  a"]),
        ([{"error_detail": [{"exc_value": "\n".join(map(str, range(20)))}]}], [f"  {n}" for n in range(5, 20)]),
    ],
)
def test_of_error_lines_the_last_exception_or_the_first_error_is_told(messages: list[Any], lines: list[str]) -> None:
    assert runs.error_lines(messages) == lines


def test_only_what_jobs_say_is_told_to_people() -> None:
    messages = [
        line("a"),
        f" {line('b')} ",
        {"event": line(" c", "warning")},
        {"other": line("d")},
        line("a is at work, 12 s so far", "debug"),
        f"x {line('e')}",
        "12:00:06 f",
    ]
    assert runs.job_messages(messages) == ["a", "b", "WARNING:  c"]


def test_a_kafka_that_does_not_answer_is_one_line() -> None:
    with pytest.raises(click.ClickException) as raised, runs.one_line_errors():
        raise KafkaTimeoutError("late")
    words = "Kafka does not answer: KafkaTimeoutError: late; see `make status`"
    assert raised.value.message == words


def test_a_reason_that_is_refused_names_its_option() -> None:
    with pytest.raises(click.BadParameter) as raised:
        runs.check_why("x", "--waiver")
    assert raised.value.param_hint == "--waiver"
    with pytest.raises(click.BadParameter) as raised:
        runs.check_why("x")
    assert raised.value.param_hint == "--why"
