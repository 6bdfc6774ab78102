"""The client of Airflow's API, on answers of a server that is not there."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import requests

from lakehouse.clients.airflow import TRIES, AirflowApi, AirflowError


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
    with pytest.raises(AirflowError, match="PATCH .*timed out"):
        api.unpause("ingest_events")
    server.too_late = 1
    with pytest.raises(AirflowError, match="POST .*timed out"):
        api.post("/backfills", {})


@pytest.mark.parametrize(("method", "then"), [("POST", 409), ("DELETE", 404)])
def test_what_a_late_answer_hid_is_taken_for_done(
    server: Server, monkeypatch: pytest.MonkeyPatch, method: str, then: int
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    api = AirflowApi("http://airflow", "a", "b")

    def ask() -> str | None:
        return api.trigger("ingest_events") if method == "POST" else api.delete_run("ingest_events", "r1")

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


class Scheduled(AirflowApi):
    """An Airflow whose DAG `a` has these runs, one list a look; `did` is what was asked of it."""

    def __init__(self, *looks: list[str]) -> None:
        self.looks = list(looks)
        self.did: list[str] = []

    def active_runs(self) -> list[str]:
        self.did.append("look")
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def pause(self, dag_id: str) -> None:
        self.did.append(f"pause {dag_id}")

    def unpause(self, dag_id: str) -> None:
        self.did.append(f"unpause {dag_id}")


def test_a_dag_is_paused_between_two_of_its_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    api = Scheduled(["a/1", "other/1"], ["other/1"], ["a/2"], ["a/2"], ["other/1"])
    api.pause_between_runs(["a"], 60)
    assert api.did == ["look", "look", "pause a", "look", "unpause a", "look", "look", "pause a", "look"]


def test_a_dag_whose_runs_do_not_end_is_not_paused() -> None:
    api = Scheduled(["a/1"])
    with pytest.raises(AirflowError, match="after 0 s runs are still under way: a/1"):
        api.pause_between_runs(["a"], 0)
    assert "pause a" not in api.did
