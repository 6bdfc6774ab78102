"""Serves notifications of notable events as server-sent events, from where a listener stopped."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from flask import Flask, Response, request
from redis import RedisError
from redis.asyncio import Redis

from api.local_only import check_local
from api.players import no_live_state
from api.problems import Problem
from lakehouse.clients.redis import ANSWER_SECONDS, connect_async
from lakehouse.live import DATA, FIRST, NOTIFICATIONS

BEAT_SECONDS = 15.0  # after so long without an event a comment is sent, so that no side takes the connection for lost
_AT_ONCE = 100
_ID = re.compile(r"[0-9]{1,18}-[0-9]{1,18}")


class Listener:
    """One listener, with a connection to Redis of its own. `close` must be called, however it ends."""

    def __init__(self, redis: Redis, beat_seconds: float, closed: Callable[[], None]) -> None:
        self._redis = redis
        self._beat_seconds = beat_seconds
        self._closed = closed
        self._after = FIRST

    async def start(self, after: str | None) -> None:
        """Begins after this id; None: after the newest one. Raises RedisError."""
        newest: Any = await self._redis.xrevrange(NOTIFICATIONS, count=1)
        self._after = after or (newest[0][0].decode() if newest else FIRST)

    async def parts(self) -> AsyncIterator[bytes]:
        """The stream's parts, until Redis is lost. Then the listener comes again with the last id, and learns why."""
        yield b": listening\n\n"
        while True:
            try:
                found: Any = await self._redis.xread(
                    {NOTIFICATIONS: self._after}, _AT_ONCE, int(1000 * self._beat_seconds)
                )
            except RedisError:
                return
            if not found:
                yield b": nothing new\n\n"
            for id_, fields in found[0][1] if found else ():
                self._after = id_.decode()
                yield b"id: " + id_ + b"\ndata: " + fields[DATA] + b"\n\n"

    async def close(self) -> None:
        self._closed()
        await self._redis.aclose()


class EventStream(Response):
    """An answer that goes on until a side ends it. `begin` gives the listener, or raises Problem."""

    def __init__(self, begin: Callable[[], Awaitable[Listener]]) -> None:
        super().__init__(content_type="text/event-stream; charset=utf-8")
        self.begin = begin
        self.headers["Cache-Control"] = "no-store"
        self.headers.pop("Content-Length", None)


class Listeners:
    """The listeners of this process: at most so many."""

    def __init__(self, redis_url: str, most: int, beat_seconds: float = BEAT_SECONDS) -> None:
        self._url = redis_url
        self._most = most
        self._beat_seconds = beat_seconds
        self._open = 0

    async def begin(self, after: str | None) -> Listener:
        """A listener to what came after the id; None: to what comes from now on.

        Raises:
            Problem: there are too many listeners, or Redis does not answer.
        """
        if self._open >= self._most:
            raise Problem(503, "Too many listeners", f"There are {self._most} listeners already; listen later.")
        self._open += 1
        redis = connect_async(self._url, self._beat_seconds + ANSWER_SECONDS)
        listener = Listener(redis, self._beat_seconds, self._closed)
        try:
            await listener.start(after)
        except BaseException as error:
            await listener.close()
            if isinstance(error, RedisError):
                raise no_live_state("Redis does not answer.") from None
            raise
        return listener

    def _closed(self) -> None:
        self._open -= 1


def register(app: Flask, redis_url: str | None, most: int) -> None:
    """Adds /notifications."""
    listeners = Listeners(redis_url, most) if redis_url else None

    def view() -> EventStream:
        check_local(request.environ)
        if listeners is None:
            raise no_live_state("LAKEHOUSE_REDIS_URL is not set.")
        after = request.headers.get("Last-Event-ID") or None
        if after is not None and not _ID.fullmatch(after):
            raise Problem(
                400, "Bad Last-Event-ID", f"Send the id of an event as it came, such as 12-1; {FIRST} is before all."
            )
        return EventStream(lambda: listeners.begin(after))

    app.add_url_rule("/notifications", "notifications", view, methods=["GET"])
