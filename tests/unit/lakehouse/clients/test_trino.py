"""The errors of a statement that Trino refuses. Other answers are tested on a real Trino."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import requests
import trino

from lakehouse.clients import trino as client
from lakehouse.settings import Settings

NO_NODES = {"errorName": "NO_NODES_AVAILABLE", "message": "No nodes available to run query"}
NO_TABLE = {"errorName": "TABLE_NOT_FOUND", "message": "no such table"}


class Server:
    """Gives the refusals one after another, then one row."""

    description = (SimpleNamespace(name="n"),)

    def __init__(self, *refusals: dict[str, str]) -> None:
        self.refusals, self.asked, self.clock = list(refusals), 0, 0.0

    def connect(self, **_: Any) -> Any:
        return SimpleNamespace(cursor=lambda: self, close=lambda: None)

    def execute(self, sql: str, parameters: object) -> None:
        self.asked += 1
        if self.refusals:  # Trino's client waits here for the first rows
            raise trino.exceptions.TrinoQueryError(self.refusals.pop(0), "1")

    def fetchall(self) -> list[list[int]]:
        return [[7]]

    def sleep(self, seconds: float) -> None:
        self.clock += seconds


def asking(server: Server, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    monkeypatch.setattr(trino.dbapi, "connect", server.connect)
    monkeypatch.setattr("tenacity.time", SimpleNamespace(monotonic=lambda: server.clock))
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=server.sleep))
    return client.query(Settings.load(), "select 7 as n")


def test_a_query_waits_for_the_nodes_of_a_trino_that_has_just_started(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(NO_NODES, NO_NODES)
    assert asking(server, monkeypatch) == [{"n": 7}]
    assert server.asked == 3
    assert server.clock > 0


def test_a_query_does_not_wait_for_nodes_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(*[NO_NODES] * 1000)
    with pytest.raises(client.QueryError, match="No nodes available"):
        asking(server, monkeypatch)
    assert server.clock == pytest.approx(client.NODES_SECONDS, abs=1)


def test_any_other_refusal_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(NO_TABLE)
    with pytest.raises(client.QueryError, match="no such table"):
        asking(server, monkeypatch)
    assert (server.asked, server.clock) == (1, 0.0)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("512.00us", 0.000512), ("8.50s", 8.5), ("9.24m", 554.4), ("2.00h", 7200), ("1.50d", 129_600)],
)
def test_for_how_long_trino_runs_is_in_seconds(monkeypatch: pytest.MonkeyPatch, said: str, seconds: float) -> None:
    asked: list[str] = []

    def request(method: str, url: str, timeout: float) -> Any:
        asked.append(f"{method} {url}")
        return SimpleNamespace(json=lambda: {"uptime": said, "starting": False})

    monkeypatch.setattr("lakehouse.clients.direct.request", request)
    assert client.uptime_seconds(Settings(trino_port=1234)) == pytest.approx(seconds)
    assert asked == ["get http://127.0.0.1:1234/v1/info"]


@pytest.mark.parametrize("answer", [{}, [], "busy", {"uptime": "long"}, {"uptime": "1m 2s"}])
def test_an_answer_that_says_no_time_is_an_error(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    monkeypatch.setattr(
        "lakehouse.clients.direct.request", lambda method, url, timeout: SimpleNamespace(json=lambda: answer)
    )
    with pytest.raises(client.QueryError, match="/v1/info"):
        client.uptime_seconds(Settings())


def test_a_trino_that_is_not_there_has_no_uptime(monkeypatch: pytest.MonkeyPatch) -> None:
    def request(method: str, url: str, timeout: float) -> Any:
        raise requests.ConnectionError

    monkeypatch.setattr("lakehouse.clients.direct.request", request)
    with pytest.raises(client.QueryError, match="does not answer.*ConnectionError"):
        client.uptime_seconds(Settings())


class Asked:
    """In place of Trino's client: keeps how it was asked; fails with these errors, then gives rows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> None:
        self.errors = list(errors)
        self.connected: list[dict[str, Any]] = []
        self.cursors: list[dict[str, Any]] = []
        self.executed: list[tuple[str, Any]] = []
        self.rows: list[list[Any]] = [[1, "YQ=="], [2, None]]
        self.description: Any = (
            SimpleNamespace(name="n", type_code="bigint"),
            SimpleNamespace(name="b", type_code="varbinary"),
        )
        self.closed = 0
        monkeypatch.setattr(trino.dbapi, "connect", self.connect)

    def connect(self, **given: Any) -> Asked:
        self.connected.append(given)
        return self

    def cursor(self, **given: Any) -> Asked:
        self.cursors.append(given)
        return self

    def execute(self, sql: str, parameters: Any) -> None:
        self.executed.append((sql, parameters))
        if self.errors:
            raise self.errors.pop(0)

    def fetchall(self) -> list[list[Any]]:
        return self.rows

    def close(self) -> None:
        self.closed += 1


def test_a_statement_is_asked_as_our_user_in_utc_and_gives_rows_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch)
    settings = Settings(trino_url="https://trino:81")
    assert client.query(settings, "select ?", ["a"]) == [{"n": 1, "b": "YQ=="}, {"n": 2, "b": None}]
    assert asked.connected == [
        {
            "host": "trino", "port": 81, "http_scheme": "https", "user": "lakehouse", "catalog": "lakehouse",
            "source": "lakehouse", "request_timeout": 30.0, "max_attempts": 3,
            "legacy_prepared_statements": False, "timezone": "UTC", "http_session": asked.connected[0]["http_session"],
        }
    ]  # fmt: skip
    assert (asked.cursors, asked.executed, asked.closed) == ([{}], [("select ?", ["a"])], 1)
    assert not asked.connected[0]["http_session"].trust_env
    asked.rows, asked.description = [], None
    assert client.query(settings, "create", user="ada") == []
    assert (asked.connected[1]["user"], asked.executed[1]) == ("ada", ("create", None))


@pytest.mark.parametrize(
    "error", [ValueError("year 0"), OverflowError("too big"), trino.exceptions.TrinoDataError("x")]
)
def test_values_that_python_has_not_are_asked_for_as_texts(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    asked = Asked(monkeypatch, error)
    assert client.query(Settings(), "select 1") == [{"n": 1, "b": b"a"}, {"n": 2, "b": None}]
    assert asked.cursors == [{}, {"legacy_primitive_types": True}] and asked.closed == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (trino.exceptions.TrinoQueryError(NO_TABLE, "1"), "Trino refused the statement: no such table"),
        (
            requests.ConnectionError("refused"),
            "Trino does not answer at http://127.0.0.1:8080: ConnectionError; see `make status`",
        ),
        (
            trino.exceptions.Http503Error("busy"),
            "Trino does not answer at http://127.0.0.1:8080: Http503Error; see `make status`",
        ),
    ],
)
def test_a_failure_is_one_whole_sentence(monkeypatch: pytest.MonkeyPatch, error: Exception, words: str) -> None:
    asked = Asked(monkeypatch, error)
    with pytest.raises(client.QueryError) as raised:
        client.query(Settings(), "select 1")
    assert (str(raised.value), asked.closed) == (words, 1)


def test_a_trino_without_nodes_is_asked_twice_a_second_for_20_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(*[NO_NODES] * 1000)
    with pytest.raises(client.QueryError):
        asking(server, monkeypatch)
    assert (server.clock, server.asked) == (20.0, 41)


def test_what_one_statement_sets_holds_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch)
    with client.Session(Settings(), user="ada") as session:
        assert session.ask("use game", []) == (["n", "b"], [[1, "YQ=="], [2, None]])
        session.ask("select ?", [1])
        assert asked.closed == 0
    assert (len(asked.connected), asked.closed) == (1, 1)
    assert asked.executed == [("use game", None), ("select ?", [1])]


def test_of_columns_with_one_name_an_answer_has_both() -> None:
    answer = client.Answer(["n", "n"], [[1, 2]])
    assert answer.by_name() == [{"n": 2}] and answer.rows == [[1, 2]]


@pytest.mark.parametrize("cancelled", [True, False])
def test_a_statement_that_is_interrupted_is_cancelled_in_trino(
    monkeypatch: pytest.MonkeyPatch, cancelled: bool
) -> None:
    calls: list[str] = []

    class Interrupted(Asked):
        def fetchall(self) -> list[list[Any]]:
            raise KeyboardInterrupt

        def cancel(self) -> None:
            calls.append("cancel")
            if not cancelled:
                raise requests.ConnectionError("gone")

    asked = Interrupted(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        client.query(Settings(), "select 1")
    assert (calls, asked.closed) == (["cancel"], 1)


def test_what_is_no_answer_of_trino_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    Asked(monkeypatch, ValueError("no JSON"), ValueError("no JSON"))
    with pytest.raises(client.QueryError, match="does not answer at http://127.0.0.1:8080: ValueError"):
        client.query(Settings(), "select 1")
