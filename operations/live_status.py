"""How far the live state is, by Redis' own word."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lakehouse.clients.redis import connect, position
from lakehouse.settings import Settings


@dataclass(frozen=True)
class LiveStatus:
    """`through`: the ledger entry that all players hold; None if Redis holds no live state, or does not answer (`error`)."""

    through: int | None = None
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def sentence(self) -> str:
        if self.error:
            return f"not known, Redis does not answer: {self.error}"
        return "not made yet" if self.through is None else f"through entry {self.through}"


def live_status(settings: Settings) -> LiveStatus | None:
    """None if no live state is wanted."""
    from redis import RedisError

    if not settings.redis_url:
        return None
    try:
        with connect(settings.redis_url) as redis:
            found = position(redis)
    except RedisError as error:
        return LiveStatus(error=f"{type(error).__name__}: {error}")
    return LiveStatus(found.through if found else None)


def is_missing(settings: Settings) -> bool:
    """Whether Redis answers but holds no live state: it is new, or came back empty."""
    return live_status(settings) == LiveStatus()
