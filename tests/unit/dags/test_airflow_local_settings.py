"""SQLite as Airflow's database: a savepoint that reads first does not lose its right to write."""

from __future__ import annotations

import importlib.util
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, text

from lakehouse.settings import CHECKOUT

FILE = CHECKOUT / "dags" / "plugins" / "airflow_local_settings.py"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "airflow.db"
    with sqlite3.connect(file) as connection:
        connection.execute("pragma journal_mode=wal")
        connection.execute("create table runs (id integer)")
    spec = importlib.util.spec_from_file_location("local_settings", FILE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield file
    event.remove(Engine, "savepoint", module.begin_as_writer)


def test_a_savepoint_that_reads_first_keeps_others_from_writing_and_then_writes(database: Path) -> None:
    other = sqlite3.connect(database, timeout=0.1, isolation_level=None)
    engine = create_engine(f"sqlite:///{database}?timeout=5")
    with engine.connect() as connection:
        with connection.begin_nested():
            assert connection.execute(text("select count(*) from runs")).scalar() == 0
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("insert into runs values (1)")
            connection.execute(text("insert into runs values (2)"))
            with connection.begin_nested():
                connection.execute(text("insert into runs values (3)"))
        connection.commit()
    other.execute("insert into runs values (4)")
    assert other.execute("select id from runs").fetchall() == [(2,), (3,), (4,)]


def test_a_savepoint_in_a_transaction_and_one_rolled_back_are_as_before(database: Path) -> None:
    engine = create_engine(f"sqlite:///{database}?timeout=5")
    with engine.connect() as connection:
        connection.execute(text("insert into runs values (1)"))
        nested = connection.begin_nested()
        connection.execute(text("insert into runs values (2)"))
        nested.rollback()
        connection.commit()
        assert connection.execute(text("select id from runs")).scalars().all() == [1]
