"""What tests of the live state share: a Redis of their own, empty at each test's start, and a lakehouse in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.redis_server import RedisServer, server
from tests.unit.jobs.entries.conftest import world

__all__ = ["server", "world"]


@pytest.fixture
def redis(server: RedisServer) -> Iterator[RedisServer]:
    with server.client() as client:
        client.flushall()
    yield server
