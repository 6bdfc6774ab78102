"""The client of Airflow's API, on prepared answers."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from lakehouse.clients.airflow import TRIES, AirflowApi, AirflowError
from lakehouse.settings import Settings
from stack.airflow_login import connect


class Server:
    """Answers requests by method and path; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.runs = [{"dag_run_id": f"r{n}"} for n in range(230)]
        self.bodies: list[Any] = []
        self.pools: list[dict[str, Any]] = []
        self.too_late = 0  # so many answers come too late
        self.then = 200  # the answer behind them

    def __call__(self, session: requests.Session, method: str, url: str, **given: Any) -> requests.Response:
        path = url.removeprefix("http://airflow")
        self.asked.append((method, path))
        self.bodies.append(given.get("json"))
        if self.too_late and method != "GET":
            self.too_late -= 1
            raise requests.ReadTimeout("read timed out")
        late = method != "GET" and self.then != requests.codes.ok
        response = requests.Response()
        response.status_code = 200
        body: Any = {"access_token": "t"}
        if late:
            response.status_code, body = self.then, {"detail": "as asked before"}
        elif method == "DELETE":
            response.status_code, body = 204, None
        elif "/dagRuns?" in path:
            offset = int(path.partition("offset=")[2].partition("&")[0])
            body = {"dag_runs": self.runs[offset : offset + 100]}
        elif path == "/api/v2/pools?limit=100":
            body = {"pools": self.pools}
        elif path == "/api/v2/backfills":
            response.status_code, body = 409, {"detail": "There is already a running backfill for dag build_day"}
        response._content = b"" if body is None else json.dumps(body).encode()
        return response


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(requests.Session, "request", lambda session, *a, **k: server(session, *a, **k))
    return server


def test_all_runs_are_read_page_by_page(server: Server) -> None:
    found = AirflowApi("http://airflow", "a", "b").runs("erase_player", "state=success")
    assert [run["dag_run_id"] for run in found] == [f"r{n}" for n in range(230)]
    assert len(server.asked) == 1 + 3


def test_an_answer_without_content_is_no_error(server: Server) -> None:
    AirflowApi("http://airflow", "a", "b").delete_run("erase_player", "manual__2026-01-01T00:00:00+00:00")
    assert server.asked[-1] == (
        "DELETE",
        "/api/v2/dags/erase_player/dagRuns/manual__2026-01-01T00%3A00%3A00%2B00%3A00",
    )


def test_a_refusal_says_which_request_and_why(server: Server) -> None:
    with pytest.raises(AirflowError, match="POST http://airflow/api/v2/backfills: 409 .*already a running backfill"):
        AirflowApi("http://airflow", "a", "b").post("/backfills", {})


def test_a_pool_is_made_or_changed_and_left_alone_if_it_is_so_already(server: Server) -> None:
    api = AirflowApi("http://airflow", "a", "b")
    api.set_pool("spark", 1, "one at a time")
    assert server.asked[-1] == ("POST", "/api/v2/pools")
    server.pools = [
        {"name": "spark", "slots": 1, "description": "one at a time", "include_deferred": False, "open_slots": 1}
    ]
    api.set_pool("spark", 1, "one at a time")
    assert server.asked[-1] == ("GET", "/api/v2/pools?limit=100")
    api.set_pool("spark", 2, "one at a time")
    assert server.asked[-1] == ("PATCH", "/api/v2/pools/spark")


def test_what_may_be_repeated_is_when_the_answer_comes_too_late(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    api = AirflowApi("http://airflow", "a", "b")
    server.too_late = 2
    api.unpause("ingest_events")
    assert [method for method, _ in server.asked].count("PATCH") == 3
    server.too_late = TRIES
    with pytest.raises(AirflowError, match="PATCH .*does not answer \\(ReadTimeout\\)"):
        api.unpause("ingest_events")
    server.too_late = 1
    with pytest.raises(AirflowError, match="POST .*does not answer \\(ReadTimeout\\)"):
        api.post("/backfills", {})


@pytest.mark.parametrize(("method", "then"), [("POST", 409), ("DELETE", 404)])
def test_what_a_late_answer_hid_is_taken_for_done(
    server: Server, monkeypatch: pytest.MonkeyPatch, method: str, then: int
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    api = AirflowApi("http://airflow", "a", "b")

    def ask() -> str | None:
        if method == "POST":
            return api.trigger("ingest_events")
        api.delete_run("ingest_events", "r1")
        return None

    server.then = then
    with pytest.raises(AirflowError, match=f"{method} .*{then}"):  # nothing was asked before
        ask()
    server.too_late = 1
    run_id = ask()
    assert [asked for asked, _ in server.asked][-2:] == [method, method]
    if method == "POST":
        assert [body["dag_run_id"] for body in server.bodies[-2:]] == [run_id, run_id]


def test_a_run_that_cannot_be_deleted_is_not_taken_for_deleted(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    api = AirflowApi("http://airflow", "a", "b")
    server.then, server.too_late = 409, 1
    with pytest.raises(AirflowError, match="DELETE .*409"):
        api.delete_run("ingest_events", "r1")


class Recorded:
    """Answers each request with what it is told, and keeps all of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.options: list[dict[str, Any]] = []
        self.sessions: list[requests.Session] = []
        self.answers: list[tuple[int, Any]] = []
        self.slept: list[float] = []
        monkeypatch.setattr(requests.Session, "request", lambda session, *a, **k: self.answer(session, *a, **k))
        monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=self.slept.append))

    def answer(self, session: requests.Session, method: str, url: str, **given: Any) -> requests.Response:
        self.asked.append((method, url.removeprefix("http://airflow"), given.pop("json", None)))
        self.options.append(given)
        self.sessions.append(session)
        status, body = self.answers.pop(0) if self.answers else (200, {"access_token": "t"})
        response = requests.Response()
        response.status_code = status
        response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return response

    def api(self) -> AirflowApi:
        api = AirflowApi("http://airflow", "ada", "secret")
        self.asked.clear()
        self.slept.clear()
        return api


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    return Recorded(monkeypatch)


def test_a_login_is_made_once_without_the_callers_proxy(recorded: Recorded) -> None:
    api = AirflowApi("http://airflow", "ada", "secret")
    assert recorded.asked == [("POST", "/auth/token", {"username": "ada", "password": "secret"})]
    api.get("/x")
    assert recorded.sessions[0] is recorded.sessions[1]
    assert recorded.sessions[0].headers["Authorization"] == "Bearer t" and not recorded.sessions[0].trust_env
    assert recorded.options == [{"timeout": 20.0}] * 2


RUNS = "/api/v2/dags/a%20b/dagRuns"


@pytest.mark.parametrize(
    ("call", "asked", "answer", "gives"),
    [
        (lambda api: api.get("/x"), ("GET", "/api/v2/x", None), {"a": 1}, {"a": 1}),
        (lambda api: api.post("/x", {"b": 1}), ("POST", "/api/v2/x", {"b": 1}), {"a": 1}, {"a": 1}),
        (lambda api: api.patch("/x", {"b": 1}), ("PATCH", "/api/v2/x", {"b": 1}), {"a": 1}, {"a": 1}),
        (
            lambda api: api.dag_ids(),
            ("GET", "/api/v2/dags?limit=100&exclude_stale=true", None),
            {"dags": [{"dag_id": "a"}, {"dag_id": "b"}]},
            {"a", "b"},
        ),
        (
            lambda api: api.import_errors(),
            ("GET", "/api/v2/importErrors", None),
            {"import_errors": [{"filename": "a.py", "stack_trace": "Traceback\n  b\nNameError: c\n"}]},
            ["a.py: NameError: c"],
        ),
        (
            lambda api: api.unpause("a b"),
            ("PATCH", "/api/v2/dags/a%20b?update_mask=is_paused", {"is_paused": False}),
            {},
            None,
        ),
        (
            lambda api: api.pause("a b"),
            ("PATCH", "/api/v2/dags/a%20b?update_mask=is_paused", {"is_paused": True}),
            {},
            None,
        ),
        (
            lambda api: api.note("a b", "r/1", "x" * 1001),
            ("PATCH", f"{RUNS}/r%2F1?update_mask=note", {"note": "x" * 1000}),
            {},
            None,
        ),
        (
            lambda api: api.active_runs(),
            ("GET", "/api/v2/dags/~/dagRuns?limit=100&state=running&state=queued", None),
            {"dag_runs": [{"dag_id": "a", "dag_run_id": "1"}]},
            ["a/1"],
        ),
        (
            lambda api: api.active_runs_of(["a"]),
            ("GET", "/api/v2/dags/~/dagRuns?limit=100&state=running&state=queued", None),
            {"dag_runs": [{"dag_id": "a", "dag_run_id": "1/a"}, {"dag_id": "aa", "dag_run_id": "2"}]},
            ["a/1/a"],
        ),
        (
            lambda api: api.runs("a b", "x=1"),
            ("GET", f"{RUNS}?x=1&limit=100&offset=0&order_by=id", None),
            {"dag_runs": [{"n": 1}]},
            [{"n": 1}],
        ),
        (lambda api: api.delete_run("a b", "r 1"), ("DELETE", f"{RUNS}/r%201", None), {}, None),
        (lambda api: api.run_state("a b", "r 1"), ("GET", f"{RUNS}/r%201", None), {"state": "failed"}, "failed"),
        (
            lambda api: api.task_instances("a b", "r 1"),
            ("GET", f"{RUNS}/r%201/taskInstances?limit=100", None),
            {"task_instances": [{"n": 1}]},
            [{"n": 1}],
        ),
        (
            lambda api: api.task_messages("a b", "r 1", "t 1", 2, 3),
            ("GET", f"{RUNS}/r%201/taskInstances/t%201/logs/2?full_content=true&map_index=3", None),
            {"content": ["a", {"b": 1}]},
            ["a", {"b": 1}],
        ),
        (
            lambda api: api.task_log("a b", "r 1", "t 1"),
            ("GET", f"{RUNS}/r%201/taskInstances/t%201/logs/1?full_content=true&map_index=-1", None),
            {"content": ["a", {"b": 1}]},
            "a\n{'b': 1}",
        ),
    ],
)
def test_each_question_has_its_address_and_gives_what_is_asked_for(
    recorded: Recorded, call: Callable[[AirflowApi], Any], asked: tuple[str, str, Any], answer: Any, gives: Any
) -> None:
    api = recorded.api()
    recorded.answers = [(200, answer)]
    assert call(api) == gives
    assert recorded.asked == [asked]


def test_a_run_is_started_under_an_id_made_here(recorded: Recorded) -> None:
    api = recorded.api()
    first, second = api.trigger("a b", {"why": "x"}), api.trigger("a b")
    assert first != second
    assert re.fullmatch(r"api__\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d__[0-9a-f]{8}", first)
    assert recorded.asked == [
        ("POST", RUNS, {"dag_run_id": first, "logical_date": None, "conf": {"why": "x"}}),
        ("POST", RUNS, {"dag_run_id": second, "logical_date": None, "conf": {}}),
    ]
    assert api.link("a b", "r 1") == "http://airflow/dags/a%20b/runs/r%201"


def test_a_pool_is_written_with_all_that_is_said_of_it(recorded: Recorded) -> None:
    api, pool = recorded.api(), {"name": "a b", "slots": 1, "description": "x", "include_deferred": False}
    recorded.answers = [(200, {"pools": []}), (200, {})]
    api.set_pool("a b", 1, "x")
    recorded.answers = [(200, {"pools": [pool | {"slots": 2}]}), (200, {})]
    api.set_pool("a b", 1, "x")
    assert recorded.asked[1] == ("POST", "/api/v2/pools", pool)
    assert recorded.asked[3] == ("PATCH", "/api/v2/pools/a%20b", pool)


def test_what_may_be_repeated_is_asked_five_times_with_longer_and_longer_waits(recorded: Recorded) -> None:
    api = recorded.api()
    recorded.answers = [(500, b"busy")] * 5 + [(200, {})]
    with pytest.raises(AirflowError) as raised:
        api.get("/x")
    assert str(raised.value) == "GET http://airflow/api/v2/x: 500 Internal Server Error"
    assert len(recorded.asked) == 5 and recorded.slept == [1, 2, 3, 4]
    recorded.answers = [(503, b""), (200, {"a": 1})]
    assert api.get("/x") == {"a": 1}
    recorded.answers = [(500, b"busy")]
    with pytest.raises(AirflowError):
        api.post("/x", {})
    assert len(recorded.asked) == 5 + 2 + 1


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (409, {"detail": "There is one already"}, "409 There is one already"),
        (422, {"detail": [{"loc": ["body"], "msg": "Field required"}, "and more"]}, "422 Field required; and more"),
        (
            409,
            {"detail": {"reason": "Unique constraint violation", "statement": "INSERT ..."}},
            "409 Unique constraint violation",
        ),
        (400, {"detail": "x " * 400}, f"400 {('x ' * 400)[:300]}"),
        (401, b"<html>\nno</html>", "401 Unauthorized"),
        (404, {"title": "?"}, "404 Not Found"),
        (499, [], "499 without a reason"),
    ],
)
def test_a_refusal_is_told_in_airflows_words_for_people_alone(
    recorded: Recorded, status: int, body: Any, words: str
) -> None:
    api = recorded.api()
    recorded.answers = [(status, body)]
    with pytest.raises(AirflowError) as raised:
        api.get("/x")
    assert str(raised.value) == f"GET http://airflow/api/v2/x: {words}"


def test_an_airflow_that_is_not_there_is_asked_once(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    api = recorded.api()
    asked: list[str] = []

    def refuse(session: requests.Session, method: str, url: str, **_: Any) -> None:
        asked.append(method)
        raise requests.ConnectionError("refused")

    monkeypatch.setattr(requests.Session, "request", refuse)
    with pytest.raises(AirflowError) as raised:
        api.get("/x")
    words = "GET http://airflow/api/v2/x: Airflow does not answer (ConnectionError); see `make status`"
    assert str(raised.value) == words and asked == ["GET"]


def test_a_page_of_a_plugin_is_text(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    api, asked = recorded.api(), list[Any]()

    def get(session: requests.Session, url: str, **given: Any) -> requests.Response:
        asked.append((url, given))
        return recorded.answer(session, "GET", url)

    monkeypatch.setattr(requests.Session, "get", get)
    recorded.answers = [(200, b"<html>")]
    assert api.page("/quality/") == "<html>" and asked == [("http://airflow/quality/", {"timeout": 20.0})]
    recorded.answers = [(404, b"")]
    with pytest.raises(AirflowError) as raised:
        api.page("/quality/x")
    assert str(raised.value) == "GET http://airflow/quality/x: 404"


def test_the_stacks_login_is_used_and_a_missing_one_is_said(recorded: Recorded, tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, airflow_url="http://airflow")
    file = tmp_path / "airflow" / "passwords.json"
    file.parent.mkdir()
    for text in (None, "{}", "no json"):
        if text is not None:
            file.write_text(text)
        with pytest.raises(AirflowError) as raised:
            connect(settings)
        assert str(raised.value) == (
            f"there is no login to Airflow in {file}; `make up` makes one, or set LAKEHOUSE_STATE to the folder of the "
            "stack that is meant"
        )
    file.write_text('{"admin": "secret"}')
    connect(settings)
    assert recorded.asked == [("POST", "/auth/token", {"username": "admin", "password": "secret"})]
