"""`lakehouse quarantine list` and `show`: what is read, how a row is shown, and what of it is masked."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Any

import pytest

from lakehouse.contract.load import load_contracts
from lakehouse.ledger.selection import Selection
from lakehouse.settings import Settings
from operations import quarantine
from operations.personal_data import log_file
from tests.unit.operations.conftest import Airflow, lakehouse

CONTRACTS = load_contracts(Settings().contracts)
ID = "0190163d-8694-739b-aea5-966c26f8ad91"


def test_a_list_counts_and_a_row_cannot_paint_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"topic": "events", "partition": 0, "offset": 5, "kafka_timestamp": "then", "batch_id": 1, "entry_id": 1}
    row |= {"event_type": None, "event_id": ID, "reason_code": "not_json", "field": None, "rule": None}
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
    known = list(CONTRACTS)
    assert asked == [["not_json"], known]


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
        "event_type": None, "event_id": ID, "reason_code": "rule:red", "field": "color", "rule": "red",
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
        "events-0 offset 5, then, batch 1, entry 2, no event type, " + ID,
        "  rule:red (field color, rule red)",
        "  no value",
        "events-0 offset 5, then, batch 1, entry 2, message, " + ID,
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
    row = {"event_type": "annas own type", "event_id": "annas id", "value": value, "bytes": 90, "player": "anna"}
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
    assert quarantine.counted(Settings(), CONTRACTS, selection) == rows
    assert [parameters for _, parameters in asked] == [["audit:", 7], [*CONTRACTS, "audit:", 7]]
    assert all("where starts_with(reason_code, ?) and batch_id = ?" in sql for sql, _ in asked)
