"""Makes SQLite fit as Airflow's database on a laptop. Airflow loads this module by its name at each start.

Python's sqlite3 begins a transaction at the first write, but a SAVEPOINT outside of one begins a transaction that only
reads. If another process writes between that read and the first write, SQLite answers "database is locked" at once,
whatever its timeout is (https://www.sqlite.org/rescode.html#busy_snapshot), and Airflow refuses a backfill with 503.
With this module a savepoint begins a writing transaction, which waits for its turn.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, event

__all__: list[str] = []  # this module replaces no setting of Airflow


@event.listens_for(Engine, "savepoint")
def begin_as_writer(connection: Connection, name: str) -> None:
    """Begins a transaction that writes, if the savepoint would begin one that only reads."""
    if connection.dialect.name != "sqlite":
        return
    if getattr(connection.connection.dbapi_connection, "in_transaction", True) is False:  # an async driver does not say
        connection.exec_driver_sql("BEGIN IMMEDIATE")
