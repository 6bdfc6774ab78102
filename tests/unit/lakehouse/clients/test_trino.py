"""What a statement gives when Trino refuses it; what it gives otherwise is asked of a real Trino."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
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
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=lambda: server.clock, sleep=server.sleep))
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
