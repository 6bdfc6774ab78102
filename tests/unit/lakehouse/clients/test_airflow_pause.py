"""A DAG is paused between two of its runs, or not at all."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from lakehouse.clients import airflow
from lakehouse.clients.airflow import AirflowApi, AirflowError


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


def test_a_dag_whose_runs_do_not_end_goes_on_after_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [100.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(airflow, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    api = Scheduled(["a/1", "a/2", "b/1"])
    with pytest.raises(AirflowError, match="^after 2 s runs are still under way: a/1, a/2$"):
        api.pause_between_runs(["a"], 2)
    assert slept == [0.5] * 5
