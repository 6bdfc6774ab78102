"""The live state over HTTP, on a real Redis: what is told of a player, the stream of notifications, and who is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from api.app import make_front
from api.events import EventMaker
from api.front import AsgiFront
from api.notifications import Listener, Listeners
from api.problems import Problem
from api.publish import Publisher
from jobs.live.state import LiveState
from lakehouse.live import NOTIFICATIONS, Item, ItemName, Notification, Player, numbered
from lakehouse.settings import Settings
from tests.redis_server import RedisServer, server
from tests.unit.api.conftest import CONTRACTS
from tests.unit.api.test_asgi import scope

__all__ = ["server"]
LOCAL = ((b"host", b"127.0.0.1:5000"),)
SECONDS = 20.0


@pytest.fixture
def generation(server: RedisServer) -> bytes:
    """A live state through entry 3, with one player."""
    with server.client() as client:
        client.flushall()
        state = LiveState(client)
        made = state.begin()
        state.switch(made)
        state.add(made, 2, [("ann/b", Player(0, {ItemName("sword", "wood"): Item(3)}))])
        state.advance(made, 3)
    return made


def front_of(publisher: Publisher, folder: Path, url: str | None, most: int = 2) -> AsgiFront:
    settings = Settings(state=folder, redis_url=url, max_listeners=most)
    return AsgiFront(make_front(settings, EventMaker(CONTRACTS, 2_000), publisher), publisher, 20_000)


@pytest.fixture
def app(publisher: Publisher, server: RedisServer, generation: bytes, tmp_path: Path) -> AsgiFront:
    return front_of(publisher, tmp_path, server.url)


class Asked:
    """One request; it is gone when `leave` is called."""

    def __init__(self, app: AsgiFront, path: bytes, headers: Any = LOCAL, client: str = "127.0.0.1") -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.parts: asyncio.Queue[bytes] = asyncio.Queue()
        self._gone = asyncio.Event()
        asked = {**scope("GET", path, b"", headers), "client": (client, 1)}
        self.task = asyncio.create_task(app(asked, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        elif message["body"]:
            await self.parts.put(message["body"])

    async def next(self) -> bytes:
        return await asyncio.wait_for(self.parts.get(), SECONDS)

    async def leave(self) -> None:
        self._gone.set()
        await asyncio.wait_for(self.task, SECONDS)


def ask(app: AsgiFront, path: bytes, headers: Any = LOCAL, client: str = "127.0.0.1") -> tuple[int, Any]:
    """The status and the JSON of an answer that ends."""

    async def asked() -> tuple[int, Any]:
        request = Asked(app, path, headers, client)
        await asyncio.wait_for(request.task, SECONDS)
        return request.status, json.loads(await request.next())

    return asyncio.run(asked())


@asynccontextmanager
async def listening(app: AsgiFront, *headers: tuple[bytes, bytes]) -> AsyncIterator[Asked]:
    request = Asked(app, b"/notifications", (*LOCAL, *headers))
    assert await request.next() == b": listening\n\n"
    try:
        yield request
    finally:
        await request.leave()


def tell(server: RedisServer, generation: bytes, entry_id: int, *players: str) -> None:
    with server.client() as client:
        news = numbered(entry_id, [Notification("id", "purchase_sword", player, 0) for player in players])
        LiveState(client).notify(generation, news, 100)


def told(part: bytes) -> tuple[str, str]:
    """The id and the player of one event of the stream."""
    id_, data = part.decode().removesuffix("\n\n").split("\n")
    return id_.removeprefix("id: "), json.loads(data.removeprefix("data: "))["player"]


def test_a_player_is_told(app: AsgiFront) -> None:
    status, player = ask(app, b"/players/ann%2Fb")
    assert status == 200
    assert player == {
        "player": "ann/b",
        "guild": None,
        "last_seen": "1970-01-01T00:00:00Z",
        "inventory": [{"item_type": "sword", "item": "wood", "quantity": 3}],
        "through": 2,
        "complete_through": 3,
    }


def test_who_has_no_event_is_not_found(app: AsgiFront) -> None:
    assert ask(app, b"/players/bob")[0] == 404


@pytest.mark.parametrize("path", [b"/players/ann%2Fb", b"/notifications"])
@pytest.mark.parametrize(
    ("headers", "client"),
    [
        (LOCAL, "10.0.0.7"),
        (((b"host", b"game.example"),), "127.0.0.1"),
        (((b"host", b"127.0.0.1.example:5000"),), "127.0.0.1"),
        ((), "127.0.0.1"),
        ((*LOCAL, (b"x-forwarded-for", b"10.0.0.7")), "127.0.0.1"),
        ((*LOCAL, (b"forwarded", b"for=10.0.0.7")), "127.0.0.1"),
    ],
)
def test_other_machines_are_refused(app: AsgiFront, path: bytes, headers: Any, client: str) -> None:
    status, problem = ask(app, path, headers, client)
    assert (status, problem["title"]) == (403, "Forbidden")


@pytest.mark.parametrize("host", [b"localhost", b"localhost:5000", b"127.0.0.1", b"[::1]:5000", b"127.0.1.1:5000"])
def test_this_machine_has_several_names(app: AsgiFront, host: bytes) -> None:
    assert ask(app, b"/players/ann%2Fb", ((b"host", host),))[0] == 200


@pytest.mark.parametrize("path", [b"/players/ann", b"/notifications"])
@pytest.mark.parametrize("url", [None, "", "redis://127.0.0.1:9/0"])
def test_without_redis_it_is_said(publisher: Publisher, tmp_path: Path, url: str | None, path: bytes) -> None:
    status, problem = ask(front_of(publisher, tmp_path, url), path)
    assert (status, problem["title"]) == (503, "No live state")


def test_a_live_state_that_is_not_made_yet_is_said(app: AsgiFront, server: RedisServer) -> None:
    with server.client() as client:
        client.flushall()
    status, problem = ask(app, b"/players/ann")
    assert status == 503 and "not made yet" in problem["detail"]


def test_a_listener_hears_what_comes_from_now_on(app: AsgiFront, server: RedisServer, generation: bytes) -> None:
    tell(server, generation, 4, "before")

    async def listen() -> None:
        async with listening(app) as one:
            assert one.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert one.status == 200 and "content-length" not in one.headers
            tell(server, generation, 5, "ann", "bob")
            assert [told(await one.next()), told(await one.next())] == [("5-1", "ann"), ("5-2", "bob")]

    asyncio.run(listen())


def test_a_listener_goes_on_after_the_last_event_that_came(
    app: AsgiFront, server: RedisServer, generation: bytes
) -> None:
    tell(server, generation, 4, "a", "b", "c")

    async def listen() -> None:
        async with listening(app, (b"last-event-id", b"4-1")) as one:
            assert [told(await one.next()), told(await one.next())] == [("4-2", "b"), ("4-3", "c")]
        async with listening(app, (b"last-event-id", b"0-0")) as one:
            assert told(await one.next()) == ("4-1", "a")

    asyncio.run(listen())


@pytest.mark.parametrize("id_", [b"$", b"4", b"x-1", b"1-2\xff", b"9" * 30 + b"-1"])
def test_a_last_id_that_is_none_is_refused(app: AsgiFront, id_: bytes) -> None:
    assert ask(app, b"/notifications", (*LOCAL, (b"last-event-id", id_)))[0] == 400


def test_listeners_are_bounded_and_one_that_leaves_makes_room(app: AsgiFront, server: RedisServer) -> None:
    async def refused() -> int:
        request = Asked(app, b"/notifications")
        await asyncio.wait_for(request.task, SECONDS)
        return request.status

    async def listen() -> None:
        async with listening(app), listening(app):
            assert await refused() == 503
        async with listening(app):
            pass
        with server.client() as client:
            until = asyncio.get_running_loop().time() + SECONDS
            while any(each["cmd"] == "xread" for each in client.client_list()):
                assert asyncio.get_running_loop().time() < until
                await asyncio.sleep(0.01)

    asyncio.run(listen())


def test_a_listener_to_nothing_hears_that_the_connection_is_alive(server: RedisServer, generation: bytes) -> None:
    async def listen() -> list[bytes]:
        listener = await Listeners(server.url, 1, beat_seconds=0.05).begin(None)
        try:
            parts = listener.parts()
            return [await anext(parts) for _ in range(3)]
        finally:
            await listener.close()

    assert asyncio.run(listen()) == [b": listening\n\n", b": nothing new\n\n", b": nothing new\n\n"]


@pytest.mark.parametrize("end", ["redis", "server"])
def test_a_stream_ends_when_redis_or_the_api_does(app: AsgiFront, server: RedisServer, end: str) -> None:
    async def stopping() -> dict[str, str]:
        return {"type": "lifespan.shutdown"}

    async def stopped(_: Any) -> None:
        pass

    async def listen() -> None:
        request = Asked(app, b"/notifications")
        await request.next()
        if end == "redis":
            server.kill()
        else:
            await app({"type": "lifespan"}, stopping, stopped)
        await asyncio.wait_for(request.task, SECONDS)

    try:
        asyncio.run(listen())
    finally:
        if end == "redis":
            server.start()


def test_who_begins_to_listen_while_the_api_stops_is_sent_away(
    app: AsgiFront, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, open_ = Listeners.begin, list[int]()

    async def slow(self: Listeners, after: str | None) -> Listener:
        listener = await begin(self, after)
        app._end_streams()  # as the signal to stop does
        open_.append(self._open)
        return listener

    monkeypatch.setattr(Listeners, "begin", slow)
    for _ in range(2):  # the second one does not even begin
        status, problem = ask(app, b"/notifications")
        assert (status, problem["title"]) == (503, "Stopping")
    assert open_ == [1]


def test_an_unexpected_error_ends_the_stream_and_is_logged(
    app: AsgiFront, server: RedisServer, generation: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[Exception] = []
    note: Callable[[Exception], None] = logged.append
    monkeypatch.setattr("api.problems.unexpected", note)
    with server.client() as client:
        client.xadd(NOTIFICATIONS, {"other": "field"})

    async def listen() -> None:
        request = Asked(app, b"/notifications", (*LOCAL, (b"last-event-id", b"0-0")))
        await request.next()
        await asyncio.wait_for(request.task, SECONDS)

    asyncio.run(listen())
    assert [type(each) for each in logged] == [KeyError]


def test_a_wsgi_server_says_that_it_cannot_send_events(app: AsgiFront) -> None:
    answer = app._front.app.test_client().get("/notifications", base_url="http://localhost")
    assert (answer.status_code, answer.content_type) == (501, "application/problem+json")


def test_too_many_listeners_are_a_problem(server: RedisServer) -> None:
    with pytest.raises(Problem, match="0 listeners"):
        asyncio.run(Listeners(server.url, 0).begin(None))
