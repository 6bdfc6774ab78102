"""How far the live state is, asked of a real Redis, and when a run of ingest is wanted for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobs.live.state import LiveState
from lakehouse.settings import Settings
from operations.live_status import LiveStatus, is_missing, live_status
from tests.redis_server import RedisServer


@pytest.fixture
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.close()


def test_it_is_missing_until_it_is_made(server: RedisServer) -> None:
    settings = Settings(redis_url=server.url)
    assert (live_status(settings), is_missing(settings)) == (LiveStatus(), True)
    with server.client() as client:
        state = LiveState(client)
        made = state.begin()
        state.switch(made)
        assert is_missing(settings)
        state.advance(made, 3)
    assert (live_status(settings), is_missing(settings)) == (LiveStatus(3), False)


def test_a_redis_that_does_not_answer_starts_no_run(server: RedisServer) -> None:
    server.kill()
    settings = Settings(redis_url=server.url)
    found = live_status(settings)
    assert found and found.error and not is_missing(settings)


@pytest.mark.parametrize("url", [None, ""])
def test_where_none_is_wanted_none_is_missing(url: str | None) -> None:
    assert live_status(Settings(redis_url=url)) is None and not is_missing(Settings(redis_url=url))
