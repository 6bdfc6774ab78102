"""Connections to the Redis that holds the live state. Each call ends within seconds, and none is repeated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lakehouse.live import GENERATION, through_key

if TYPE_CHECKING:
    from redis import Redis
    from redis.asyncio import Redis as AsyncRedis

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0


def connect(url: str) -> Redis:
    """A client, which connects at its first call. Calls raise redis.RedisError."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=ANSWER_SECONDS, **_OPTIONS)


def connect_async(url: str, answer_seconds: float = ANSWER_SECONDS) -> AsyncRedis:
    """The same for an event loop. `answer_seconds`: longer than a call may block."""
    from redis.asyncio import Redis as AsyncRedis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    return AsyncRedis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=answer_seconds, **_OPTIONS)


_OPTIONS: dict[str, Any] = {"socket_connect_timeout": CONNECT_SECONDS, "protocol": 2}


class Position(NamedTuple):
    """The generation of the live state that is read, and the last entry that all of it holds."""

    generation: bytes
    through: int


def position(redis: Redis) -> Position | None:
    """None if there is no live state, or a rebuild of it did not end."""
    generation: Any = redis.get(GENERATION)
    through: Any = generation and redis.get(through_key(generation))
    return Position(generation, int(through)) if through else None


# One step, since a rebuild may put another generation in the place of this one. ARGV: the player.
_PLAYER = """
local generation = redis.call('get', KEYS[1])
local through = generation and redis.call('get', 'live:' .. generation .. ':through')
if not through then return {} end
return {through, redis.call('hgetall', 'live:' .. generation .. ':player:' .. ARGV[1])}
"""


class PlayerRead(NamedTuple):
    """A player's hash, empty if there is none, and the last entry that all players hold."""

    fields: Mapping[bytes, bytes]
    complete_through: int


def read_player(redis: Redis, player: str) -> PlayerRead | None:
    """None if there is no live state."""
    found: Any = redis.eval(_PLAYER, 1, GENERATION, player.encode("utf-8", "surrogatepass"))
    if not found:
        return None
    flat = found[1]
    return PlayerRead(dict(zip(flat[::2], flat[1::2], strict=True)), int(found[0]))
