"""Serves what the live state holds of a player."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Any

from flask import Flask, Response, request
from redis import Redis, RedisError

from api.later import Later
from api.local_only import check_local
from api.problems import Problem
from api.publish import Receipt
from lakehouse.clients.redis import PlayerRead, connect, read_player
from lakehouse.live import answer

_THREADS = 4  # that wait for Redis, so that the event loop does not
_MOST_WAITING = 200  # requests; each waits at most so long as Redis may take


def no_live_state(reason: str) -> Problem:
    """The answer while there is no live state."""
    return Problem(
        503, "No live state", f"{reason} The tables have all of it; the next run of ingest repairs the live state."
    )


def register(app: Flask, redis_url: str | None) -> None:
    """Adds /players/<player>. It reads in threads of its own."""
    redis = connect(redis_url) if redis_url else None
    threads = ThreadPoolExecutor(_THREADS, "live-state")
    room = BoundedSemaphore(_MOST_WAITING)

    def view(player: str) -> Any:  # a Later: see api/app.py
        check_local(request.environ)
        if redis is None:
            raise no_live_state("LAKEHOUSE_REDIS_URL is not set.")
        if not room.acquire(blocking=False):
            raise no_live_state("Too many requests wait for it.")
        found: list[PlayerRead | None] = []
        receipt = Receipt(1)
        threads.submit(_read, redis, player, found, receipt).add_done_callback(lambda _: room.release())
        return Later(receipt, lambda read: _answer(player, found if read[0] else None))

    app.add_url_rule("/players/<path:player>", "players", view, methods=["GET"])


def _read(redis: Redis, player: str, found: list[PlayerRead | None], receipt: Receipt) -> None:
    try:
        found.append(read_player(redis, player))
        receipt.note(0, None)
    except RedisError as error:
        receipt.note(0, f"{type(error).__name__}: {error}")


def _answer(player: str, found: list[PlayerRead | None] | None) -> Response:
    if found is None:
        raise no_live_state("Redis does not answer.")
    (read,) = found
    if read is None:
        raise no_live_state("It is not made yet.")
    told = answer(player, read.fields, read.complete_through)
    if told is None:
        raise Problem(404, "Unknown player", "No published event is of this player.")
    response = Response(json.dumps(told) + "\n", content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
