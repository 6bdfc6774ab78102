"""Old runs are deleted from Airflow's database by Airflow's own program, and their logs by age."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lakehouse.clients.airflow import AirflowError
from lakehouse.settings import Settings
from operations import airflow_history
from operations.airflow_history import delete_old_files, forget_old_runs
from stack.environment import stack_secrets

NOW = dt.datetime(2026, 3, 31, 12, tzinfo=dt.UTC)
Airflow = Callable[[str], Path]


def written(file: Path, when: dt.datetime) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("a line")
    os.utime(file, (when.timestamp(), when.timestamp()))
    return file


@pytest.fixture
def airflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Airflow:
    """Puts a program in Airflow's place, which notes how it is called; returns the file of its notes."""
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "what tasks must not use")
    monkeypatch.setattr(airflow_history, "python_bin", lambda: tmp_path)

    def replace(then: str) -> Path:
        program, notes = tmp_path / "airflow", tmp_path / "notes"
        program.write_text(f'#!/bin/sh\necho "$AIRFLOW__DATABASE__SQL_ALCHEMY_CONN $*" > {notes}\n{then}\n')
        program.chmod(0o700)
        return notes

    return replace


def test_what_is_older_than_the_history_is_deleted_of_database_and_logs(tmp_path: Path, airflow: Airflow) -> None:
    notes, state = airflow("exit 0"), tmp_path / "state"
    stack_secrets(state)
    logs = state / "logs" / "airflow"
    old = written(logs / "dag_id=a" / "run_id=1" / "attempt=1.log", NOW - dt.timedelta(days=10, minutes=1))
    new = written(logs / "dag_id=a" / "run_id=2" / "attempt=1.log", NOW - dt.timedelta(days=9))
    said = forget_old_runs(Settings(state=state, airflow_history_days=10), NOW)
    assert said == "Airflow's runs before 2026-03-21 12:00 UTC are deleted, and 1 files of logs"
    assert not old.parent.exists() and new.exists()
    called = notes.read_text()
    assert called.startswith(f"sqlite:///{state}/airflow/airflow.db?timeout=60 db clean --yes --skip-archive ")
    assert "--clean-before-timestamp 2026-03-21T12:00:00+00:00" in called
    tables = called.split("--tables ")[1].strip().split(",")
    assert {"dag_run", "task_instance", "log", "xcom"} <= set(tables) and not {"dag", "dag_version"} & set(tables)


def test_only_old_files_and_empty_folders_go(tmp_path: Path) -> None:
    outside = written(tmp_path / "outside", NOW - dt.timedelta(days=2))
    folder = tmp_path / "logs"
    for name in ("a/b/old", "a/c/old", "a/c/new", "d/old"):
        written(folder / name, NOW - dt.timedelta(hours=1 if name.endswith("new") else 2))
    (folder / "link").symlink_to(outside)
    assert delete_old_files(folder, NOW - dt.timedelta(hours=1)) == 3
    left = {str(each.relative_to(folder)) for each in folder.rglob("*")}
    assert left == {"a", "a/c", "a/c/new", "link"} and outside.exists()
    (folder / "link").unlink()
    assert delete_old_files(folder, NOW) == 1
    assert folder.exists() and not list(folder.iterdir())
    assert delete_old_files(tmp_path / "absent", NOW) == 0


def test_the_database_of_an_airflow_of_ones_own_is_left_alone(tmp_path: Path, airflow: Airflow) -> None:
    notes = airflow("exit 0")
    assert "this Airflow is not of this stack" in forget_old_runs(Settings(state=tmp_path / "state"), NOW)
    assert not notes.exists() and not (tmp_path / "state").exists()


def test_if_airflow_cannot_it_says_why_and_its_logs_stay(
    tmp_path: Path, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    airflow("echo first >&2; echo 'database is locked' >&2; exit 3")
    state = tmp_path / "state"
    stack_secrets(state)
    old = written(state / "logs" / "airflow" / "old.log", NOW - dt.timedelta(days=400))
    with pytest.raises(AirflowError, match=r"^`airflow db clean` ended with 3: database is locked$"):
        forget_old_runs(Settings(state=state), NOW)
    airflow("exec sleep 60")
    monkeypatch.setattr(airflow_history, "SECONDS", 0.5)
    with pytest.raises(AirflowError, match=r"^`airflow db clean` had not ended after 0\.5 s$"):
        forget_old_runs(Settings(state=state), NOW)
    assert old.exists()
