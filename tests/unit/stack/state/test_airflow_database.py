"""Airflow's database of either kind: what is run of PostgreSQL's programs, and what their failures say."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from lakehouse.settings import Settings
from stack.environment import local_settings
from stack.state import airflow_database as module
from stack.state.airflow_database import PostgreSql, Sqlite, airflow_database
from stack.state.manifest import BackupError

CONNECTION = "--dbname=host=postgres port=5432 user=lakehouse dbname=airflow connect_timeout=10"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "database.password").write_text("secret")
    return local_settings(Settings(state=tmp_path, database="postgres:5432"))


@pytest.fixture
def postgresql(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PostgreSql:
    """One whose programs note how they were called, on an empty database."""
    monkeypatch.setattr(module, "POSTGRESQL", str(tmp_path))
    monkeypatch.setattr(PostgreSql, "is_empty", lambda self: True)
    for name in ("pg_dump", "pg_restore"):
        write_program(tmp_path / name, f'printf "%s\\n" "$PGPASSWORD" "$@" > {tmp_path}/called')
    return PostgreSql(settings, "postgres:5432")


def write_program(file: Path, line: str) -> None:
    file.write_text(f"#!/bin/sh\n{line}\n")
    file.chmod(0o755)


def called(folder: Path) -> list[str]:
    return (folder / "called").read_text().splitlines() if (folder / "called").exists() else []


def test_the_kind_is_that_of_the_settings(settings: Settings, tmp_path: Path) -> None:
    assert airflow_database(settings).kind == "postgresql"
    assert airflow_database(settings.model_copy(update={"database": None})).kind == "sqlite"


def test_a_dump_is_one_of_pg_dump_and_its_password_is_no_argument(
    postgresql: PostgreSql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgreSql, "is_empty", lambda self: False)
    postgresql.copy_to(tmp_path / "airflow.dump")
    assert called(tmp_path) == ["secret", CONNECTION, "--format=custom", f"--file={tmp_path}/airflow.dump"]


def test_an_empty_database_is_filled_in_one_transaction_and_a_filled_one_left_alone(
    postgresql: PostgreSql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgresql.fill_from(tmp_path / "airflow.dump")
    options = ["--single-transaction", "--no-owner", "--no-privileges"]
    assert called(tmp_path) == ["secret", CONNECTION, *options, f"{tmp_path}/airflow.dump"]
    (tmp_path / "called").unlink()
    monkeypatch.setattr(PostgreSql, "is_empty", lambda self: False)
    postgresql.fill_from(tmp_path / "airflow.dump")
    assert called(tmp_path) == []


def test_an_empty_database_is_no_backup(postgresql: PostgreSql, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="database of Airflow at postgres:5432 is empty: start the stack once"):
        postgresql.copy_to(tmp_path / "airflow.dump")


def test_what_a_program_says_when_it_fails_is_told(postgresql: PostgreSql, tmp_path: Path) -> None:
    write_program(tmp_path / "pg_restore", "echo 'pg_restore: error: no space' >&2; exit 1")
    with pytest.raises(
        BackupError, match="^pg_restore of airflow at postgres:5432 failed: pg_restore: error: no space$"
    ):
        postgresql.fill_from(tmp_path / "airflow.dump")
    write_program(tmp_path / "pg_restore", "exit 3")
    with pytest.raises(BackupError, match="failed: 3$"):
        postgresql.fill_from(tmp_path / "airflow.dump")
    (tmp_path / "pg_restore").unlink()
    with pytest.raises(BackupError, match="pg_restore cannot be run .*postgresql-15, which is in our image"):
        postgresql.fill_from(tmp_path / "airflow.dump")


def test_a_program_that_hangs_is_given_up(
    postgresql: PostgreSql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SECONDS", 0.2)
    write_program(tmp_path / "pg_restore", "exec sleep 30")
    with pytest.raises(BackupError, match="pg_restore did not end within 0.2 s; the database is postgres:5432"):
        postgresql.fill_from(tmp_path / "airflow.dump")


def test_a_server_that_does_not_answer_is_named(settings: Settings) -> None:
    with pytest.raises(BackupError, match="^PostgreSQL does not answer at 127.0.0.1:1: .*refused"):
        PostgreSql(settings, "127.0.0.1:1").is_empty()


def test_sqlite_is_copied_and_put_back_for_its_owner_and_left_alone_once_there(tmp_path: Path) -> None:
    (tmp_path / "old" / "airflow").mkdir(parents=True)
    (tmp_path / "new" / "airflow").mkdir(parents=True)
    with closing(sqlite3.connect(tmp_path / "old" / "airflow" / "airflow.db")) as live:
        live.executescript("create table dag_run (id int); insert into dag_run values (7)")
    old, new = Sqlite(tmp_path / "old"), Sqlite(tmp_path / "new")
    assert (old.is_empty(), new.is_empty()) == (False, True)
    old.copy_to(tmp_path / "airflow.db")
    new.fill_from(tmp_path / "airflow.db")
    file = tmp_path / "new" / "airflow" / "airflow.db"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with closing(sqlite3.connect(file)) as found:
        assert found.execute("select id from dag_run").fetchall() == [(7,)]
    (tmp_path / "airflow.db").write_text("another")
    new.fill_from(tmp_path / "airflow.db")
    assert file.read_bytes() != b"another"
