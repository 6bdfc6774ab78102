"""Airflow's database, as a backup copies it and a restore puts it back: SQLite, or PostgreSQL where `database` says so."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Protocol

from lakehouse.settings import Settings
from lakehouse.texts import words_of
from stack.environment import DATABASE_USER, POSTGRESQL, database_password
from stack.state.manifest import BackupError, Database

NAME = "airflow"
_SECONDS = 3600  # that PostgreSQL's programs may take
_TABLES = "select count(*) from pg_catalog.pg_tables where schemaname = 'public'"


class AirflowDatabase(Protocol):
    """One kind of database. All methods raise BackupError, which says what is wrong."""

    kind: Database

    def copy_to(self, file: Path) -> None:
        """Writes a new file with all that one transaction sees."""

    def is_empty(self) -> bool:
        """Whether Airflow has made nothing in it."""

    def fill_from(self, file: Path) -> None:
        """Puts the copy into an empty database, whole or not at all. One that has something in it is left alone."""


def airflow_database(settings: Settings) -> AirflowDatabase:
    return Sqlite(settings.state) if settings.database is None else PostgreSql(settings, settings.database)


class Sqlite:
    """A file of this machine."""

    kind: Database = "sqlite"

    def __init__(self, state: Path) -> None:
        self._file = state / "airflow" / "airflow.db"

    def copy_to(self, file: Path) -> None:
        if not self._file.exists():
            raise BackupError(f"There is no database of Airflow at {self._file}: start the stack once (`make up`).")
        try:
            with (
                closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, timeout=60)) as live,
                closing(sqlite3.connect(file)) as copy,
            ):
                live.backup(copy)
                (found,) = copy.execute("pragma quick_check").fetchone()
        except sqlite3.Error as error:
            raise BackupError(f"{self._file} cannot be copied to {file}: {words_of(error)}.") from None
        if found != "ok":
            raise BackupError(f"The copy of {self._file} is damaged ({found}).")

    def is_empty(self) -> bool:
        return not self._file.exists()

    def fill_from(self, file: Path) -> None:
        if not self.is_empty():
            return
        draft = self._file.with_name("airflow.db.part")
        shutil.copyfile(file, draft)
        draft.chmod(0o600)
        draft.replace(self._file)


class PostgreSql:
    """A database of a server, by PostgreSQL's own programs."""

    kind: Database = "postgresql"

    def __init__(self, settings: Settings, address: str) -> None:
        self._address = address
        host, _, port = address.rpartition(":")
        self._connection = f"host={host} port={port} user={DATABASE_USER} dbname={NAME} connect_timeout=10"
        self._password = database_password(settings)

    def copy_to(self, file: Path) -> None:
        if self.is_empty():
            raise BackupError(
                f"The database of Airflow at {self._address} is empty: start the stack once (`make compose-up`)."
            )
        self._run("pg_dump", "--format=custom", f"--file={file}")

    def is_empty(self) -> bool:
        import psycopg2

        try:
            with closing(psycopg2.connect(self._connection, password=self._password)) as live, live.cursor() as cursor:
                cursor.execute(_TABLES)
                (tables,) = cursor.fetchone()
        except psycopg2.Error as error:
            raise BackupError(f"PostgreSQL does not answer at {self._address}: {str(error).strip()}") from None
        return bool(tables == 0)

    def fill_from(self, file: Path) -> None:
        """In one transaction: of a try that was killed nothing is left, and what is there is whole."""
        if self.is_empty():
            self._run("pg_restore", "--single-transaction", "--no-owner", "--no-privileges", str(file))

    def _run(self, program: str, *arguments: str) -> None:
        try:
            done = subprocess.run(
                [f"{POSTGRESQL}/{program}", f"--dbname={self._connection}", *arguments],
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "PGPASSWORD": self._password},
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except OSError as error:
            raise BackupError(
                f"{POSTGRESQL}/{program} cannot be run ({error.strerror}): it is of Debian's package postgresql-15, which "
                "is in our image."
            ) from None
        except subprocess.TimeoutExpired:
            raise BackupError(f"{program} did not end within {_SECONDS} s; the database is {self._address}.") from None
        if done.returncode:
            said = "; ".join(done.stderr.strip().splitlines()[-3:])
            raise BackupError(f"{program} of {NAME} at {self._address} failed: {said or done.returncode}")
