"""The command `lakehouse` on an Airflow in memory."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner, Result

from lakehouse.clients.airflow import AirflowApi
from operations.cli import main


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
