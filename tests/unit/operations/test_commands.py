"""The commands that start DAGs: what they ask first, what they start, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner, Result

from lakehouse.ledger.offsets import Loss, Mismatch, TopicPartition
from lakehouse.settings import Settings
from operations.cli import main

LOSS = Mismatch("events-0: offsets [5, 7) expired", Loss(TopicPartition("events", "id", 0), 5, 7))


class Airflow:
    """Keeps what was asked of it."""

    def __init__(self) -> None:
        self.started: list[tuple[str, dict[str, Any]]] = []
        self.deleted: list[str] = []

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        self.started.append((dag_id, conf))
        return "r1"

    def link(self, dag_id: str, run_id: str) -> str:
        return f"http://airflow/dags/{dag_id}/runs/{run_id}"

    def runs(self, dag_id: str, query: str) -> list[dict[str, Any]]:
        assert (dag_id, query) == ("erase_player", "state=success")
        return [{"dag_run_id": "r1"}, {"dag_run_id": "r2"}]

    def delete_run(self, dag_id: str, run_id: str) -> None:
        self.deleted.append(run_id)


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Airflow:
    api = Airflow()
    monkeypatch.setattr("stack.airflow_login.connect", lambda settings: api)
    return api


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """What is open in quarantine, by reason."""
    counts = {"rule:red": 1000, "not_json": 2}
    monkeypatch.setattr("operations.quarantine.by_reason", lambda settings, selection: counts)
    return counts


def lakehouse(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(main, arguments, input=answer)


def replay(*arguments: str, answer: str = "") -> Result:
    return lakehouse("quarantine", "replay", "--why", "rule corrected", "--no-wait", *arguments, answer=answer)


def test_a_replay_shows_what_it_takes_and_starts_once_that_is_confirmed(
    airflow: Airflow, opened: dict[str, int]
) -> None:
    result = replay("--reason", "rule:red", "--since", "2026-03-04", answer="y\n")
    assert result.exit_code == 0, result.output
    assert "1,000  rule:red" in result.output and "replay 1,002 messages?" in result.output
    form = {"reason": "rule:red", "since": "2026-03-04T00:00:00Z", "why": "rule corrected", "dry_run": False}
    assert airflow.started == [("replay_quarantine", form)]


def test_nothing_starts_without_consent(airflow: Airflow, opened: dict[str, int]) -> None:
    assert replay(answer="n\n").exit_code == 1
    assert airflow.started == []


def test_a_dry_run_is_not_asked_for_and_a_waiver_is_handed_on(airflow: Airflow, opened: dict[str, int]) -> None:
    assert replay("--dry-run", "--waiver", "seen by the owner").exit_code == 0
    ((dag_id, form),) = airflow.started
    assert dag_id == "replay_quarantine" and form["dry_run"] is True and form["waiver"] == "seen by the owner"


def test_a_discard_starts_its_own_dag(airflow: Airflow, opened: dict[str, int]) -> None:
    result = lakehouse("quarantine", "discard", "--why", "junk of a test", "--yes", "--no-wait", "--batch", "7")
    assert result.exit_code == 0, result.output
    assert airflow.started == [
        ("discard_quarantine", {"batch_id": 7, "why": "junk of a test", "dry_run": False}),
    ]


def test_nothing_that_matches_starts_nothing(airflow: Airflow, opened: dict[str, int]) -> None:
    opened.clear()
    result = replay("--yes")
    assert result.exit_code == 0 and "nothing to replay" in result.output and airflow.started == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--event-type", "no_such"], "there is no contract 'no_such'"),
        (["--since", "yesterday"], "'yesterday' is no time"),
        (["--since", "0001-01-01T00:00:00+18:00"], "is no time of the years 1 to 9999"),
        (["--until", "9999-12-31T23:59:59-18:00"], "is no time of the years 1 to 9999"),
        (["--waiver", "   "], "says too little"),
        (["--waiver", "nul\0here"], "not printed"),
        (["--why", "       "], "says too little"),
        (["--why", "two\nlines"], "not printed"),
        (["--why", "x"], "says too little"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(
    airflow: Airflow, opened: dict[str, int], arguments: list[str], words: str
) -> None:
    result = replay("--yes", *arguments)
    assert result.exit_code == 2 and words in result.output and airflow.started == []


def test_a_list_counts_and_a_row_cannot_paint_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"topic": "events", "partition": 0, "offset": 5, "kafka_timestamp": "then", "batch_id": 1, "entry_id": 1}
    row |= {"event_type": None, "event_id": "id", "reason_code": "not_json", "field": None, "rule": None}
    row |= {"at_fault": False}
    asked: list[Any] = []

    def answer(settings: Settings, sql: str, parameters: list[Any]) -> list[dict[str, Any]]:
        asked.append(parameters)
        return [row | {"value": "a\x1b[31mred", "bytes": 9, "messages": 3}]

    monkeypatch.setattr("operations.quarantine.query", answer)
    shown = lakehouse("quarantine", "show", "--reason", "not_json", "--limit", "5").output
    assert "events-0 offset 5" in shown and "a\\x1b[31mred  (9 bytes)" in shown
    assert "only held with its batch" in shown
    assert "3 messages" in lakehouse("quarantine", "list").output
    assert asked == [["not_json"], []]


def test_a_loss_is_shown_and_exactly_what_was_shown_is_expected(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operations.losses.discrepancies", lambda settings: (LOSS,))
    result = lakehouse("accept-loss", "--why", "the disk was full", "--no-wait", answer="y\n")
    assert result.exit_code == 0 and LOSS.sentence in result.output
    assert airflow.started == [("accept_loss", {"why": "the disk was full", "expected": "events-0 [5, 7)"})]


def test_where_nothing_is_lost_nothing_is_accepted(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.losses.discrepancies", lambda settings: ())
    assert lakehouse("accept-loss", "--why", "the disk was full").exit_code == 0
    assert airflow.started == []


def test_an_erasure_is_asked_for_and_left_to_somebodys_approval(airflow: Airflow) -> None:
    result = lakehouse("erase-player", "--why", "request 12", answer="ada@example\ny\n")
    assert result.exit_code == 0, result.output
    assert airflow.started == [("erase_player", {"player": "ada@example", "why": "request 12"})]
    assert "http://airflow/dags/erase_player/runs/r1/tasks/approve/required_actions" in result.output


def test_a_reason_that_names_the_player_is_refused(airflow: Airflow) -> None:
    result = lakehouse("erase-player", "ada", "--why", "ada asked for it", "--yes")
    assert result.exit_code == 2 and "names the player" in result.output and airflow.started == []


def test_names_are_forgotten_by_deleting_the_runs_that_ended_well(airflow: Airflow) -> None:
    assert lakehouse("erase-player", "--forget").exit_code == 0
    assert airflow.deleted == ["r1", "r2"] and airflow.started == []
    assert lakehouse("erase-player", "ada", "--forget").exit_code == 2


def test_a_stack_without_login_is_one_line(
    opened: dict[str, int], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEHOUSE_STATE", str(tmp_path))
    result = replay("--yes")
    assert result.exit_code == 1
    assert "Error: there is no login to Airflow in" in result.output and "make up" in result.output
