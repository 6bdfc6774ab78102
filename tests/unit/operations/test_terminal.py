"""How commands print data: letter by letter, without markup, and without control characters for the terminal."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.table import Table

from lakehouse.clients.airflow import AirflowApi
from lakehouse.clients.trino import Answer, QueryError
from operations import cli, runs, terminal
from operations.cli import main

HOSTILE = "[/b] [red]x[/red] :smile: [link=http://x]y[/link] \x1b[31m\x9b32m\u202e"
SHOWN = "[/b] [red]x[/red] :smile: [link=http://x]y[/link] \\x1b[31m\\x9b32m\\u202e"
ROW: dict[str, Any] = {
    "topic": HOSTILE, "partition": 0, "offset": 5, "kafka_timestamp": dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "batch_id": 1,
    "entry_id": 1, "event_type": HOSTILE, "event_id": HOSTILE, "player": HOSTILE, "reason_code": HOSTILE, "field": HOSTILE,
    "rule": HOSTILE, "at_fault": False, "value": HOSTILE, "bytes": 9, "messages": 3,
}  # fmt: skip


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "2000")


def lakehouse(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments)
    lines = result.output.replace("\t", " ").split("\n")  # tabs stand between the columns of `sql`
    assert all(line.isprintable() for line in lines), ascii(result.output)
    return result


class Session:
    """A session in Trino that answers every statement with these rows, or fails with this error."""

    def __init__(self, *rows: dict[str, Any], error: QueryError | None = None) -> None:
        self.answer, self.error = Answer(list(rows[0]) if rows else ["n"], [list(row.values()) for row in rows]), error

    def __call__(self, settings: object) -> Session:
        return self

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None: ...

    def ask(self, sql: str) -> Answer:
        if self.error:
            raise self.error
        return self.answer


def answers(monkeypatch: pytest.MonkeyPatch, *rows: dict[str, Any]) -> None:
    monkeypatch.setattr("lakehouse.clients.trino.Session", Session(*rows))
    for module in ("lakehouse.clients.trino", "operations.quarantine", "operations.tracing"):
        monkeypatch.setattr(f"{module}.query", lambda *_: list(rows))


def test_sql_prints_values_and_names_of_columns_letter_by_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, {HOSTILE: HOSTILE, "n": None, "m": 1.5})
    result = lakehouse("sql", "select")
    assert result.exit_code == 0 and result.output.count(SHOWN) == 2 and "None" not in result.output


def test_quarantine_is_listed_and_shown_letter_by_letter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAKEHOUSE_STATE", str(tmp_path))  # where it is logged
    answers(monkeypatch, {**ROW, "value": HOSTILE.encode()})
    listed = lakehouse("quarantine", "list")
    assert listed.exit_code == 0 and SHOWN in listed.output and "3 messages" in listed.output
    shown = lakehouse("quarantine", "show", "--personal")
    assert shown.exit_code == 0 and f"  {SHOWN}  (9 bytes)" in shown.output
    assert f"  {SHOWN} (field {SHOWN}, rule {SHOWN})" in shown.output


def test_a_trace_is_one_line_an_arrival_whatever_the_reason_says(monkeypatch: pytest.MonkeyPatch) -> None:
    from lakehouse.ledger.vocabulary import Destination
    from operations.tracing import Arrival

    arrival = Arrival(
        "id", "t", 0, 5, "then", 1, Destination.DISCARDED, HOSTILE, 2, "discard", HOSTILE, f"{HOSTILE}\nid (t-0): fine"
    )
    monkeypatch.setattr("operations.tracing.trace", lambda *_: [arrival])
    result = lakehouse("trace", "id")
    assert result.exit_code == 0 and result.output.count("\n") == 1 and f"{SHOWN}\\nid" in result.output


def test_what_a_run_said_is_printed_letter_by_letter(capsys: pytest.CaptureFixture[str]) -> None:
    class Airflow(AirflowApi):
        def __init__(self) -> None:
            """Asks nobody for a token."""

        def trigger(self, dag_id: str, conf: object = None) -> str:
            return "r1"

        def link(self, dag_id: str, run_id: str) -> str:
            return "http://airflow"

        def run_state(self, dag_id: str, run_id: str) -> str:
            return "success"

        def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
            return [{"task_id": "t", "state": "success", "start_date": "1", "try_number": 1, "map_index": -1}]

        def task_messages(self, *_: object, **__: object) -> list[Any]:
            return [json.dumps({"time": "", "level": "info", "job": "t", "message": HOSTILE})]

    runs.start(Airflow(), "dag", {}, terminal.say, wait=True)
    assert f"\n{SHOWN}\n" in capsys.readouterr().out


def test_an_error_that_holds_data_is_printed_letter_by_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = Session(error=QueryError(f"cannot cast {HOSTILE}\nto bigint"))
    monkeypatch.setattr("lakehouse.clients.trino.Session", refusing)
    result = lakehouse("sql", "select")
    assert result.exit_code == 1 and result.output == f"Error: cannot cast {SHOWN} to bigint\n"
    assert lakehouse("trace", HOSTILE).exit_code == 1
    assert lakehouse("quarantine", "show", "--since", HOSTILE).exit_code == 2
    assert lakehouse(HOSTILE).exit_code == 2


def test_json_is_exact_and_can_be_read_by_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {
        "text": HOSTILE, "nan": math.nan, "infinity": [math.inf, -math.inf], "bytes": b"\x00\xff", "none": None, "yes": True,
        "time": dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC), "day": dt.date(2026, 1, 2), "map": {1: {"a": 2**63}},
        "decimal": Decimal("1.50"),
    }  # fmt: skip
    answers(monkeypatch, row)
    result = lakehouse("sql", "--format", "json", "select")
    assert result.exit_code == 0 and result.output.isascii()
    assert json.loads(result.output, parse_constant=pytest.fail) == [
        {
            **row, "nan": "NaN", "infinity": ["Infinity", "-Infinity"], "bytes": "00ff", "time": "2026-01-02T03:00:00+00:00",
            "day": "2026-01-02", "map": {"1": {"a": 2**63}}, "decimal": "1.50",
        }
    ]  # fmt: skip
    answers(monkeypatch)
    assert json.loads(lakehouse("sql", "--format", "json", "select").output) == []
    answers(monkeypatch, ROW)
    assert json.loads(lakehouse("quarantine", "list", "--json").output)[0]["topic"] == HOSTILE


def test_tables_are_printed_in_one_place() -> None:
    """Elsewhere a table of Rich would take data for markup."""
    folder = Path(cli.__file__).parent
    assert [file.name for file in folder.rglob("*.py") if "Console(" in file.read_text()] == ["terminal.py"]


def test_the_names_of_columns_are_printed_letter_by_letter_too(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(":smile: [b]x[/b]")
    table.add_row("1")
    terminal.print_table(table, width=60)
    assert ":smile: [b]x[/b]" in capsys.readouterr().out
