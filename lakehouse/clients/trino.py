"""A client of Trino, by which the command, small tasks of DAGs and the tests read the tables."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from lakehouse.names import CATALOG
from lakehouse.settings import Settings

if TYPE_CHECKING:
    import trino.dbapi

USER = "lakehouse"
REQUEST_SECONDS = 30.0
# A Trino that has just started answers, but has no node for a query that reads files, for some seconds.
NO_NODES = "NO_NODES_AVAILABLE"
NODES_SECONDS = 20.0


class QueryError(Exception):
    """Trino did not answer, or refused; the message says which and why."""


def query(settings: Settings, sql: str, parameters: Sequence[Any] = (), *, user: str = USER) -> list[dict[str, Any]]:
    """Runs one statement (no semicolon; `?` for parameters) and returns its rows by column name.

    A query for which Trino has no node yet is retried for NODES_SECONDS. An answer may hold a value that Python's types
    cannot (a time before the year 1 or after 9999): then all its times, dates and decimals are texts.

    Raises:
        QueryError: Trino is not there, or the statement failed.
    """
    import requests
    import trino

    url = urlsplit(settings.trino_url)
    connection = trino.dbapi.connect(
        host=url.hostname,
        port=url.port,
        http_scheme=url.scheme,
        user=user,
        catalog=CATALOG,
        source="lakehouse",
        request_timeout=REQUEST_SECONDS,
        max_attempts=3,
        timezone="UTC",
    )
    try:
        cursor = connection.cursor()
        try:
            rows = _fetch(cursor, sql, parameters)
        except (trino.exceptions.TrinoDataError, ValueError, ArithmeticError):
            cursor = connection.cursor(legacy_primitive_types=True)  # values as Trino writes them
            rows = [_decoded(row, cursor.description) for row in _fetch(cursor, sql, parameters)]
        columns = [column.name for column in cursor.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in rows]
    except trino.exceptions.TrinoQueryError as error:
        raise QueryError(f"Trino refused the statement: {error.message}") from None
    except (requests.RequestException, trino.exceptions.TrinoConnectionError, trino.exceptions.HttpError) as error:
        raise QueryError(
            f"Trino does not answer at {settings.trino_url}: {type(error).__name__}; see `make status`"
        ) from None
    finally:
        connection.close()


def _decoded(row: Sequence[Any], description: Sequence[Any]) -> list[Any]:
    """A row as Trino writes it, but bytes, which Trino writes in base64, as bytes."""
    return [
        base64.b64decode(value) if column.type_code == "varbinary" and value is not None else value
        for value, column in zip(row, description, strict=True)
    ]


def _fetch(cursor: trino.dbapi.Cursor, sql: str, parameters: Sequence[Any]) -> list[list[Any]]:
    """All rows of a statement. It is retried while Trino has no node for it, for NODES_SECONDS at most."""
    for attempt in Retrying(
        retry=retry_if_exception(lambda error: getattr(error, "error_name", None) == NO_NODES),
        stop=stop_after_delay(NODES_SECONDS),
        wait=wait_fixed(0.5),
        reraise=True,
    ):
        with attempt:
            cursor.execute(sql, list(parameters) or None)
            rows: list[list[Any]] = cursor.fetchall()
    return rows
