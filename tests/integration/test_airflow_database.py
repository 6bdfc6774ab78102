"""A real PostgreSQL: what is dumped is put into an empty database whole, or, if that is killed, not at all."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from lakehouse.settings import Settings
from stack.containers.database import PORT, database
from stack.environment import DATABASE_USER, POSTGRESQL, local_settings
from stack.state.airflow_database import PostgreSql
from stack.state.manifest import BackupError

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        not Path(POSTGRESQL).exists(), reason=f"no PostgreSQL in {POSTGRESQL}: apt-get install postgresql-15"
    ),
]
ROWS = 400_000
USER = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to be root's


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """A server as containers have it, on a free port."""
    with tempfile.TemporaryDirectory(prefix="lakehouse-pg-", ignore_cleanup_errors=True) as folder:
        state = Path(folder)
        (state / "tmp").mkdir()
        (state / "database.password").write_text("secret")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        found = local_settings(Settings(state=state, database=f"127.0.0.1:{port}"))
        (state / "postgres").mkdir()
        if USER:
            for each in (state, *state.rglob("*")):
                shutil.chown(each, USER, "nogroup")
        server = database(found)
        argv = [str(port) if part == str(PORT) else part for part in server.argv]
        (once,) = server.prepare
        subprocess.run(once.argv, env=server.environment, user=USER, check=True, timeout=60, capture_output=True)
        with subprocess.Popen(argv, env=server.environment, user=USER, stderr=subprocess.DEVNULL) as process:
            try:
                wait_until(lambda: answers(found))
                yield found
            finally:
                process.terminate()
                process.wait(timeout=30)


@pytest.fixture
def live(settings: Settings) -> PostgreSql:
    """An empty database of Airflow."""
    query(settings, "drop schema if exists public cascade; create schema public")
    return PostgreSql(settings, settings.database or "")


def query(settings: Settings, sql: str) -> list[Any]:
    host, _, port = (settings.database or "").partition(":")
    with closing(
        psycopg2.connect(host=host, port=port, user=DATABASE_USER, password="secret", dbname="airflow")
    ) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []


def answers(settings: Settings) -> bool:
    try:
        return bool(query(settings, "select 1"))
    except psycopg2.Error:
        return False


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_restore_that_is_killed_leaves_nothing_and_the_next_one_puts_all_of_it(
    settings: Settings, live: PostgreSql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BackupError, match="is empty"):
        live.copy_to(tmp_path / "airflow.dump")
    query(settings, f"create table dag_run as select n as id, md5(n::text) as why from generate_series(1, {ROWS}) n")
    query(settings, "alter table dag_run add primary key (id); create index on dag_run (why)")
    everything = "select count(*), sum(hashtext(why)) from dag_run"
    before = query(settings, everything)
    live.copy_to(tmp_path / "airflow.dump")
    query(settings, "drop table dag_run")

    started: list[subprocess.Popen[str]] = []

    class Seen(subprocess.Popen[str]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Seen)
    failed: list[BackupError] = []

    def fill() -> None:
        try:
            live.fill_from(tmp_path / "airflow.dump")
        except BackupError as error:
            failed.append(error)

    thread = threading.Thread(target=fill)
    thread.start()
    copying = "select 1 from pg_stat_activity where application_name = 'pg_restore' and query ilike 'copy %'"
    wait_until(lambda: bool(query(settings, copying)))
    started[0].kill()
    thread.join(timeout=30)
    assert "pg_restore of airflow at 127.0.0.1" in str(failed[0])
    assert live.is_empty()
    live.fill_from(tmp_path / "airflow.dump")
    assert query(settings, everything) == before
    live.fill_from(tmp_path / "absent.dump")  # what is there is left alone
    assert query(settings, everything) == before


def test_a_cut_off_dump_is_refused_and_leaves_nothing(settings: Settings, live: PostgreSql, tmp_path: Path) -> None:
    query(settings, f"create table dag_run as select n as id, md5(n::text) as why from generate_series(1, {ROWS}) n")
    live.copy_to(tmp_path / "airflow.dump")
    query(settings, "drop table dag_run")
    whole = (tmp_path / "airflow.dump").read_bytes()
    (tmp_path / "airflow.dump").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BackupError, match="pg_restore of airflow at 127.0.0.1:.* failed: "):
        live.fill_from(tmp_path / "airflow.dump")
    assert live.is_empty()


def test_another_password_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "other.password").write_text("wrong")
    other = settings.model_copy(update={"database_password_file": tmp_path / "other.password"})
    with pytest.raises(BackupError, match="PostgreSQL does not answer at 127.0.0.1:.*password authentication failed"):
        PostgreSql(other, other.database or "").is_empty()
