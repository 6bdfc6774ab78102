"""A client of Trino, by which the command, small tasks of DAGs and the tests read the tables."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import urlsplit

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from lakehouse.clients import direct
from lakehouse.names import CATALOG
from lakehouse.settings import Settings

if TYPE_CHECKING:
    import trino.dbapi

USER = "lakehouse"
REQUEST_SECONDS = 30.0
# A Trino that has just started answers, but has no node for a query that reads files, for some seconds.
NO_NODES = "NO_NODES_AVAILABLE"
NODES_SECONDS = 20.0
UPTIME_ANSWER_SECONDS = 5.0
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}  # of Trino's units


class QueryError(Exception):
    """Trino did not answer, or refused; the message says which and why."""


class Answer(NamedTuple):
    """Names of the columns, and rows with a value each; a statement that answers nothing has neither."""

    columns: list[str]
    rows: list[list[Any]]

    def by_name(self) -> list[dict[str, Any]]:
        """The rows as mappings; of columns with the same name the last one."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Session:
    """One client's session in Trino: what a statement sets (`use`, `set session`) holds for those behind it."""

    def __init__(self, settings: Settings, user: str = USER) -> None:
        import trino

        self._url = settings.trino_url
        url = urlsplit(settings.trino_url)
        self._connection = trino.dbapi.connect(
            host=url.hostname,
            port=url.port,
            http_scheme=url.scheme,
            user=user,
            catalog=CATALOG,
            source="lakehouse",
            request_timeout=REQUEST_SECONDS,
            max_attempts=3,
            legacy_prepared_statements=False,  # else the client asks by a query of its own whether it needs them
            timezone="UTC",
            http_session=direct.session(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> Answer:
        """Runs one statement (no semicolon; `?` for parameters). Interrupted, it is cancelled in Trino too.

        A query for which Trino has no node yet is asked again for NODES_SECONDS. If an answer holds a value that Python's
        types do not (a time before the year 1 or after 9999, as older versions let in), all its times, dates and decimals
        are texts.

        Raises:
            QueryError: Trino is not there, or the statement failed.
        """
        import requests
        import trino

        try:
            cursor = self._connection.cursor()
            try:
                rows = _fetch(cursor, sql, parameters)
            except (trino.exceptions.TrinoDataError, ValueError, ArithmeticError):
                cursor = self._connection.cursor(legacy_primitive_types=True)  # values as Trino writes them
                rows = [_decoded(row, cursor.description) for row in _fetch(cursor, sql, parameters)]
        except trino.exceptions.TrinoQueryError as error:
            raise QueryError(f"Trino refused the statement: {error.message}") from None
        except (requests.RequestException, trino.exceptions.Error, trino.exceptions.HttpError, ValueError) as error:
            raise QueryError(
                f"Trino does not answer at {self._url}: {type(error).__name__}; see `make status`"
            ) from None
        return Answer([column.name for column in cursor.description or ()], rows)


def query(settings: Settings, sql: str, parameters: Sequence[Any] = (), *, user: str = USER) -> list[dict[str, Any]]:
    """Runs one statement in a session of its own, see `Session.ask`, and returns its rows by column name.

    Raises:
        QueryError: Trino is not there, or the statement failed.
    """
    with Session(settings, user) as session:
        return session.ask(sql, parameters).by_name()


def uptime_seconds(settings: Settings) -> float:
    """For how long Trino runs, to a hundredth of its unit. It answers that without a query.

    Raises:
        QueryError: Trino does not answer.
    """
    import requests

    url = f"{settings.trino_url}/v1/info"
    try:
        said = str(direct.request("get", url, timeout=UPTIME_ANSWER_SECONDS).json()["uptime"])
    except (requests.RequestException, LookupError, TypeError, ValueError) as error:
        raise QueryError(f"Trino does not answer at {url}: {type(error).__name__}; see `make status`") from None
    found = re.fullmatch(r"([0-9.]+)(ns|us|ms|s|m|h|d)", said)
    if found is None:
        raise QueryError(f"Trino says at {url} that it runs for {said[:40]!r}, which is no time")
    return float(found[1]) * _SECONDS[found[2]]


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
            try:
                cursor.execute(sql, list(parameters) or None)
                rows: list[list[Any]] = cursor.fetchall()
            except KeyboardInterrupt:
                with suppress(Exception):  # of any kind: whoever interrupts does not want to wait or read
                    cursor.cancel()
                raise
    return rows
