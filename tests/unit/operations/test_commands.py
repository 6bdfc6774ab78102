"""The commands that start DAGs: what they ask first, what they start, and what they refuse; and the list of all commands."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import Result

from lakehouse.ledger.offsets import Loss, Mismatch, TopicPartition
from tests.unit.operations.conftest import Airflow, lakehouse

LOSS = Mismatch("events-0: offsets [5, 7) expired", Loss(TopicPartition("events", "id", 0), 5, 7))


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


def test_the_live_state_is_rebuilt_by_its_own_dag(airflow: Airflow) -> None:
    result = lakehouse("live", "rebuild", "--no-wait")
    assert result.exit_code == 0, result.output
    assert airflow.started == [("rebuild_live", {})]


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


def error_of(result: Result) -> str:
    return " ".join(result.output.partition("Error: ")[2].split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--event-type", "no_such"],
            "Invalid value for --event-type: there is no contract 'no_such'; there are accept_member, cart_action, "
            "decline_member, default, guild_action, message, purchase_horse, purchase_sword, request_group. Messages of "
            "types that no contract names are --reason unknown_type",
        ),
        (
            ["--since", "yesterday"],
            "Invalid value for '--since': 'yesterday' is no time of the years 1 to 9999; write 2026-01-31 or "
            "2026-01-31T12:00:00Z",
        ),
        (["--batch", "0"], "Invalid value for '--batch': 0 is not in the range x>=1."),
        (
            ["--waiver", "x"],
            "Invalid value for --waiver: 'x' says too little; give the reason that is to be recorded",
        ),
        (["--why", "x"], "Invalid value for --why: 'x' says too little; give the reason that is to be recorded"),
    ],
)
def test_a_refusal_names_the_option_and_what_is_right(
    airflow: Airflow, opened: dict[str, int], arguments: list[str], words: str
) -> None:
    assert error_of(replay("--yes", *arguments)) == words


def test_a_replay_says_what_it_takes_line_by_line(airflow: Airflow, opened: dict[str, int]) -> None:
    result = replay("--until", "2026-03-05T12:00:00+02:00", "--batch", "7", answer="y\n")
    assert result.output.splitlines() == [
        "    1,000  rule:red",
        "        2  not_json",
        "replay 1,002 messages? [y/N]: y",
        "started replay_quarantine: http://airflow/dags/replay_quarantine/runs/r1",
    ]
    form = {"batch_id": 7, "until": "2026-03-05T10:00:00Z", "why": "rule corrected", "dry_run": False}
    assert airflow.started == [("replay_quarantine", form)]


def test_a_loss_is_said_asked_for_and_started(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.losses.discrepancies", lambda settings: (LOSS,))
    result = lakehouse("accept-loss", "--why", "the disk was full", "--no-wait", answer="y\n")
    assert result.output.splitlines() == [
        "events-0: offsets [5, 7) expired",
        "would be recorded as lost: events-0 [5, 7)",
        "Give these up for ever? [y/N]: y",
        "started accept_loss: http://airflow/dags/accept_loss/runs/r1",
    ]
    airflow.started.clear()
    assert lakehouse("accept-loss", "--why", "the disk was full", answer="n\n").exit_code == 1
    assert airflow.started == []
    assert lakehouse("accept-loss", "--why", "the disk was full", "--yes", "--no-wait").exit_code == 0
    assert len(airflow.started) == 1
    monkeypatch.setattr("operations.losses.discrepancies", lambda settings: ())
    result = lakehouse("accept-loss", "--why", "the disk was full")
    assert result.output == "Kafka holds all that the ledger expects; there is no loss to accept.\n"


def test_a_command_waits_unless_it_is_told_not_to(
    airflow: Airflow, opened: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[bool] = []
    monkeypatch.setattr("operations.runs.start", lambda *given, wait: waits.append(wait))
    monkeypatch.setattr("operations.losses.discrepancies", lambda settings: (LOSS,))
    for command in (["quarantine", "replay"], ["quarantine", "discard"], ["accept-loss"]):
        for more in ([], ["--no-wait"]):
            assert lakehouse(*command, "--why", "the disk was full", "--yes", *more).exit_code == 0
    assert waits == [True, False] * 3


def test_an_erasure_says_what_comes_next(airflow: Airflow) -> None:
    result = lakehouse("erase-player", "--why", "request 12", answer="ada@example\ny\n")
    assert result.output.splitlines() == [
        "Player, exactly as in the column player: ada@example",
        "Ask for 'ada@example' to be erased everywhere? It cannot be undone [y/N]: y",
        "nothing is erased yet: somebody approves or rejects it within seven days at",
        "http://airflow/dags/erase_player/runs/r1/tasks/approve/required_actions",
        "once that run is green, `lakehouse erase-player --forget` deletes the name from Airflow too (r1)",
    ]
    airflow.started.clear()
    assert lakehouse("erase-player", "ada", "--why", "request 12", answer="n\n").exit_code == 1
    assert airflow.started == []
    assert lakehouse("erase-player", "ada", "--why", "request 12", "--yes").exit_code == 0
    assert airflow.started == [("erase_player", {"player": "ada", "why": "request 12"})]


def test_an_erasure_that_cannot_be_meant_is_refused_in_words(airflow: Airflow) -> None:
    alone = "--forget goes alone: it deletes runs that ended, and erases nobody"
    assert error_of(lakehouse("erase-player", "ada", "--forget")) == alone
    assert error_of(lakehouse("erase-player", "--why", "request 12", "--forget")) == alone
    assert error_of(lakehouse("erase-player", "ada")) == "say --why; it is recorded with the Airflow login"
    named = "Invalid value for --why: it names the player, and is kept; say it without the name"
    assert error_of(lakehouse("erase-player", "ada", "--why", "ada asked for it")) == named
    result = lakehouse("erase-player", "--forget")
    assert result.output == "deleted 2 runs of erase_player; the ledger keeps who asked and why\n"
    assert airflow.started == []


def test_every_command_is_listed_by_its_name_with_hyphens() -> None:
    listed = [line.split()[0] for line in lakehouse("-h").output.partition("Commands:\n")[2].splitlines()]
    assert listed == [
        "accept-loss", "backfill", "backup", "bootstrap", "dbt", "demo", "down", "erase-player", "fetch", "live",
        "metastore", "metrics", "notebook", "pyspark", "quality", "quarantine", "readme", "restore", "send", "size", "sql",
        "status", "tail", "trace", "up", "upgrade",
    ]  # fmt: skip
    assert lakehouse("accept_loss").exit_code == 2
