"""The commands that start DAGs: what they ask first, what they start, and what they refuse."""

from __future__ import annotations

import getpass
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kafka.errors import KafkaTimeoutError

from lakehouse.clients.airflow import AirflowApi
from lakehouse.ledger.offsets import Loss, Mismatch, TopicPartition
from lakehouse.ledger.selection import Selection
from lakehouse.settings import Settings
from operations import quarantine
from operations.cli import main
from operations.personal_data import log_file
from stack.errors import StackError
from stack.loads.demo import Line
from stack.loads.documents import LoadError

LOSS = Mismatch("events-0: offsets [5, 7) expired", Loss(TopicPartition("events", "id", 0), 5, 7))


class Airflow(AirflowApi):
    """Keeps what was asked of it."""

    def __init__(self) -> None:
        self.started: list[tuple[str, dict[str, Any]]] = []
        self.deleted: list[str] = []

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        self.started.append((dag_id, conf or {}))
        return "r1"

    def link(self, dag_id: str, run_id: str) -> str:
        return f"http://airflow/dags/{dag_id}/runs/{run_id}"

    def runs(self, dag_id: str, query: str = "") -> list[dict[str, Any]]:
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


def test_a_list_counts_and_a_row_cannot_paint_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"topic": "events", "partition": 0, "offset": 5, "kafka_timestamp": "then", "batch_id": 1, "entry_id": 1}
    row |= {"event_type": None, "event_id": "id", "reason_code": "not_json", "field": None, "rule": None}
    row |= {"at_fault": False}
    asked: list[Any] = []

    def answer(settings: Settings, sql: str, parameters: list[Any]) -> list[dict[str, Any]]:
        asked.append(parameters)
        return [row | {"value": b"a\x1b[31mred", "bytes": 9, "messages": 3, "player": "anna"}]

    monkeypatch.setattr("operations.quarantine.query", answer)
    shown = lakehouse("quarantine", "show", "--reason", "not_json", "--limit", "5", "--personal").output
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


def test_what_is_open_nowhere_is_said(
    airflow: Airflow, opened: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened.clear()
    result = lakehouse("quarantine", "discard", "--why", "junk of a test")
    assert (result.exit_code, result.output) == (0, "nothing is open in quarantine that matches; nothing to discard\n")
    monkeypatch.setattr("operations.quarantine.query", lambda *_: [])
    for command in ("list", "show"):
        result = lakehouse("quarantine", command)
        assert (result.exit_code, result.output) == (0, "nothing is open in quarantine that matches\n")
        assert lakehouse("quarantine", command, "--json").output == "[]\n"


def test_an_open_message_is_shown_in_three_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {
        "topic": "events", "partition": 0, "offset": 5, "kafka_timestamp": "then", "batch_id": 1, "entry_id": 2,
        "event_type": None, "event_id": "id", "reason_code": "rule:red", "field": "color", "rule": "red",
        "at_fault": True, "value": None, "bytes": None, "player": None,
    }  # fmt: skip
    asked: list[str] = []

    def query(settings: Settings, sql: str, parameters: list[Any]) -> list[dict[str, Any]]:
        asked.append(sql)
        value = b'{"event_type": "message", "group": "a", "text": "I am Anna", "player": "anna"}'
        more = {"event_type": "message", "rule": None, "at_fault": False, "value": value, "bytes": 80, "player": "anna"}
        return [row, row | more]

    monkeypatch.setattr("operations.quarantine.query", query)
    assert lakehouse("quarantine", "show").output.splitlines() == [
        "events-0 offset 5, then, batch 1, entry 2, no event type, id",
        "  rule:red (field color, rule red)",
        "  no value",
        "events-0 offset 5, then, batch 1, entry 2, message, id",
        "  rule:red (field color); it is not at fault itself, only held with its batch",
        '  {event_type: "message", group: "a", 2 more •••}  (80 bytes)',
    ]
    assert asked[0].split()[-2:] == ["limit", "20"]
    assert lakehouse("quarantine", "show", "--limit", "0").exit_code == 2
    assert lakehouse("quarantine", "show", "--limit", "10001").exit_code == 2
    assert lakehouse("quarantine", "show", "--limit", "10000").exit_code == 0


def test_personal_data_is_masked_unless_somebody_asks_for_it_which_is_logged_with_their_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAKEHOUSE_STATE", str(tmp_path))
    value = b'{"event_type": "message", "text": "I am Anna", "player": "anna", "host": "anna.example"}'
    row = {"event_type": "annas own type", "event_id": "id", "value": value, "bytes": 90, "player": "anna"}
    monkeypatch.setattr("operations.quarantine.query", lambda *_: [row])
    masked = lakehouse("quarantine", "show", "--json").output
    assert "anna" not in masked.lower() and "message" in masked
    assert not log_file(Settings()).exists()
    shown = lakehouse("quarantine", "show", "--json", "--personal", "--reason", "rule:red").output
    assert "I am Anna" in shown
    line = json.loads(log_file(Settings()).read_text())
    assert line["who"] == getpass.getuser() and "rule:red" in line["what"]


def test_what_cannot_be_logged_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("no folder")
    monkeypatch.setenv("LAKEHOUSE_STATE", str(tmp_path))
    monkeypatch.setattr("operations.quarantine.query", lambda *_: pytest.fail("asked"))
    result = lakehouse("quarantine", "show", "--personal")
    assert result.exit_code == 1 and "cannot be logged" in result.output


def test_a_list_ends_with_the_sum_of_its_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"reason_code": "a", "messages": 1_200}, {"reason_code": "b", "messages": 3}]
    monkeypatch.setattr("operations.quarantine.query", lambda *_: rows)
    assert lakehouse("quarantine", "list").output.splitlines() == [
        "reason_code\tmessages", "a\t1200", "b\t3", "1,203 messages",
    ]  # fmt: skip


def test_reasons_are_counted_by_code(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"reason_code": "b", "messages": 3}, {"reason_code": "a", "messages": 1}]
    asked: list[Any] = []

    def query(settings: Settings, *given: object) -> list[dict[str, Any]]:
        asked.append(given)
        return rows

    monkeypatch.setattr("operations.quarantine.query", query)
    selection = Selection(reason="audit:*", batch_id=7)
    assert quarantine.by_reason(Settings(), selection) == {"b": 3, "a": 1}
    assert quarantine.counted(Settings(), selection) == rows
    assert [parameters for _, parameters in asked] == [["audit:", 7], ["audit:", 7]]
    assert all("where starts_with(reason_code, ?) and batch_id = ?" in sql for sql, _ in asked)


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
    assert error_of(lakehouse("erase-player", "ada")) == "say --why; it is recorded with your name"
    named = "Invalid value for --why: it names the player, and is kept; say it without the name"
    assert error_of(lakehouse("erase-player", "ada", "--why", "ada asked for it")) == named
    result = lakehouse("erase-player", "--forget")
    assert result.output == "deleted 2 runs of erase_player; the ledger keeps who asked and why\n"
    assert airflow.started == []


STACK = ["stack.control.up", "stack.control.down", "stack.downloads.fetch"]


@pytest.mark.parametrize("function", STACK)
def test_a_command_of_the_stack_says_what_it_does_and_what_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, function: str
) -> None:
    name = function.rpartition(".")[2]
    given: list[Any] = []

    def work(what: Any, say: Any) -> None:
        given.append(what)
        say("at work")

    def fail(what: Any, say: Any) -> None:
        raise StackError("no Java")

    monkeypatch.setenv("LAKEHOUSE_SERVERS", str(tmp_path))
    monkeypatch.setattr(function, work)
    result = lakehouse(name)
    assert (result.exit_code, result.output) == (0, "at work\n")
    assert given == [tmp_path] if name == "fetch" else given[0].servers == tmp_path
    monkeypatch.setattr(function, fail)
    result = lakehouse(name)
    assert (result.exit_code, result.output) == (1, "Error: no Java\n")
    monkeypatch.setenv("LAKEHOUSE_LINGER_MS", "101")
    result = lakehouse(name)
    words = "Error: LAKEHOUSE_LINGER_MS='101': Input should be less than or equal to 100\n"
    assert (result.exit_code, result.output) == (1, words)


def test_bootstrap_makes_all_in_the_order_of_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[str] = []
    for step in ("make_topics", "make_tables", "make_views", "prepare_airflow"):
        monkeypatch.setattr(f"stack.bootstrap.{step}", lambda *given, step=step: did.append(step))
    result = lakehouse("bootstrap")
    assert result.exit_code == 0 and [line.split()[1].rstrip(",") for line in result.output.splitlines()] == [
        "topics", "tables", "views", "Airflow's",
    ]  # fmt: skip
    assert did == ["make_topics", "make_tables", "make_views", "prepare_airflow"]

    def fail(*_: Any) -> None:
        raise KafkaTimeoutError("late")

    monkeypatch.setattr("stack.bootstrap.make_topics", fail)
    result = lakehouse("bootstrap")
    words = "making topics ...\nError: Kafka does not answer: KafkaTimeoutError: late; see `make status`\n"
    assert (result.exit_code, result.output) == (1, words)


@pytest.mark.parametrize(("answer", "equal"), [(1_203, True), (1_204, False)])
def test_the_demo_shows_each_answer_beside_what_was_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: int, equal: bool
) -> None:
    did: list[Any] = []
    lines = [Line("Swords", "red", 1_000, 203, answer), Line("Swords", "blue", 0, 0, 0), Line("Horses", "", 0, 0, 0)]
    monkeypatch.setenv("LAKEHOUSE_STATE", str(tmp_path))
    monkeypatch.setattr("stack.control.up", lambda settings, say: did.append("up"))
    monkeypatch.setattr("stack.environment.airflow_password", lambda state: {tmp_path: "secret"}[state])
    monkeypatch.setattr("lakehouse.clients.airflow.AirflowApi", lambda *given: did.append(given))
    monkeypatch.setattr("stack.loads.demo.demo", lambda settings, api, say: lines)
    result = lakehouse("demo")
    assert did == ["up", ("http://127.0.0.1:8090", "admin", "secret")]
    shown = [" ".join(line.replace("│", " ").replace("┃", " ").split()) for line in result.output.splitlines()]
    table, rest = shown[:-5], shown[-5:]
    verdict = "equal" if equal else "DIFFERS"
    assert table[0] == "Trino's answers beside what was sent"
    assert table[2] == "Question Group before sent expected Trino"
    assert table[4:7] == [
        f"Swords red 1,000 203 1,203 {answer:,} {verdict}", "blue 0 0 0 0 equal", "Horses 0 0 0 0 equal",
    ]  # fmt: skip
    assert rest == [
        "Airflow http://127.0.0.1:8090 (login admin / secret)",
        "Quality pages http://127.0.0.1:8090/quality/ (same login)",
        "Trino http://127.0.0.1:8080 (any user name, no password)",
        "API http://127.0.0.1:5000/docs",
        "All 3 answers are equal to what was sent." if equal else "Error: 1 of 3 answers differ from what was sent",
    ]
    assert result.exit_code == (0 if equal else 1)


def test_a_demo_on_servers_that_run_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(settings: Settings, say: Any) -> None:
        raise StackError("started")

    monkeypatch.setattr("stack.environment.airflow_password", lambda state: "secret")
    monkeypatch.setattr("lakehouse.clients.airflow.AirflowApi", lambda *login: None)
    monkeypatch.setattr("stack.loads.demo.demo", lambda settings, api, say: [])
    monkeypatch.setattr("stack.control.up", fail)
    assert lakehouse("demo").exit_code == 1
    assert lakehouse("demo", "--running").exit_code == 0


def test_a_demo_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(settings: Settings, say: Any) -> None:
        raise LoadError("not accepted")

    monkeypatch.setattr("stack.control.up", fail)
    result = lakehouse("demo")
    assert (result.exit_code, result.output) == (1, "Error: not accepted\n")


def test_every_command_is_listed_by_its_name_with_hyphens() -> None:
    listed = [line.split()[0] for line in lakehouse("-h").output.partition("Commands:\n")[2].splitlines()]
    assert listed == [
        "accept-loss", "backfill", "backup", "bootstrap", "dbt", "demo", "down", "erase-player", "fetch", "live",
        "metastore", "metrics", "notebook", "pyspark", "quality", "quarantine", "readme", "restore", "send", "size", "sql",
        "status", "tail", "trace", "up", "upgrade",
    ]  # fmt: skip
    assert lakehouse("accept_loss").exit_code == 2


def test_data_docs_are_made_of_the_entries_that_are_named_or_of_the_last_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran: list[list[str]] = []

    def run(program: list[str], **_: Any) -> Any:
        ran.append(program[4:])
        return subprocess.CompletedProcess(program, 3)

    monkeypatch.setattr("subprocess.run", run)
    monkeypatch.setattr("operations.quality.query", lambda settings, sql: [{"entry_id": 9}, {"entry_id": 8}])
    folder = tmp_path / "docs"
    assert lakehouse("quality", "export", str(folder), "--entry", "7").exit_code == 3
    assert lakehouse("quality", "export", str(folder), "--last", "2").exit_code == 3
    module = "expectations.data_docs"
    assert ran == [
        [module, str(folder), "--entry", "7"],
        [module, str(folder), "--entry", "9", "--entry", "8"],
    ]
    monkeypatch.setattr("operations.quality.query", lambda settings, sql: [])
    assert lakehouse("quality", "export", str(folder)).output == "no results of checks are recorded yet\n"
