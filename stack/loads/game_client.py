"""A client of the API as a game has one: one connection, requests sent letter by letter as they are given."""

from __future__ import annotations

import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import NamedTuple, Self
from urllib.parse import urlsplit

ANSWER_SECONDS = 60.0
IDLE_SECONDS = 2.0  # after which a connection is opened anew: a server may close an idle one under a request


class Answer(NamedTuple):
    """What the API answered."""

    status: int
    body: bytes

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


class NotSent(Exception):
    """Nothing listens at the address: the request was not sent, and is no event."""


class NoAnswer(Exception):
    """The request was sent, but no answer came: its event may or may not be in Kafka."""


class GameClient:
    """One connection to the API, kept open between requests and made anew when it must be."""

    def __init__(self, api_url: str) -> None:
        url = urlsplit(api_url)
        self._connection = HTTPConnection(url.hostname or "", url.port, timeout=ANSWER_SECONDS)
        self._last = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Sends one request with these headers and its length, and no others.

        Raises:
            NotSent: there is no connection. NoAnswer: the connection broke, or ANSWER_SECONDS have passed.
        """
        if time.monotonic() - self._last > IDLE_SECONDS:
            self._connection.close()
        if self._connection.sock is None:
            try:
                self._connection.connect()
            except OSError as error:
                raise NotSent(str(error)) from error
        try:
            self._connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self._connection.putheader(name, value)
            self._connection.endheaders(body or None)
            response = self._connection.getresponse()
            answer = Answer(response.status, response.read())
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        self._last = time.monotonic()
        return answer
