"""Airflow loads this module by its name at each start: what SQLite needs as Airflow's database on a laptop.

Python's sqlite3 begins a transaction at the first write, but a SAVEPOINT outside one begins a transaction that only reads.
If another process writes between that read and the first write, SQLite answers "database is locked" at once, however
long its timeout is (https://www.sqlite.org/rescode.html#busy_snapshot): a backfill was then refused with 503. A savepoint
here begins as a writer, which waits for its turn as every other write does.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, event

__all__: list[str] = []  # nothing here replaces a setting of Airflow's


@event.listens_for(Engine, "savepoint")
def begin_as_writer(connection: Connection, name: str) -> None:
    """Begins a transaction that may write, if a savepoint is about to begin one that may not."""
    if connection.dialect.name != "sqlite":
        return
    if getattr(connection.connection.dbapi_connection, "in_transaction", True) is False:  # an async driver does not say
        connection.exec_driver_sql("BEGIN IMMEDIATE")
