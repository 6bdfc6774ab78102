"""The front for ASGI servers: bytes in, the app's answer out. No request waits for another's acknowledgement."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from api.front import AsgiFront, Front, environ_of
from api.publish import Publisher
from tests.unit.api.conftest import Broker

GOOD = {"event_type": "guild_action", "action": "join"}


@dataclass
class Answer:
    """What was sent to one client."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
        else:
            self.body += message["body"]


class Client:
    """Speaks ASGI to an app; `chunks` is the body in the pieces in which it comes."""

    def __init__(self, app: AsgiFront) -> None:
        self.app = app
        self.received = 0

    def ask(self, *args: Any, **more: Any) -> Answer:
        return asyncio.run(self.asked(*args, **more))

    async def asked(
        self,
        method: str = "GET",
        raw_path: bytes = b"/",
        query: bytes = b"",
        headers: Sequence[tuple[bytes, bytes]] = ((b"host", b"Player 1"),),
        chunks: Sequence[bytes | None] = (),
    ) -> Answer:
        left = list(chunks)

        async def receive() -> dict[str, Any]:
            self.received += 1
            piece = left.pop(0) if left else None
            if piece is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece, "more_body": bool(left)}

        answer = Answer()
        await self.app(scope(method, raw_path, query, headers), receive, answer.send)
        return answer


def scope(method: str, raw_path: bytes, query: bytes, headers: Sequence[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "scheme": "http",
        "http_version": "1.1",
        "raw_path": raw_path,
        "query_string": query,
        "headers": list(headers),
        "client": ("127.0.0.1", 1),
    }


def length(body: bytes) -> tuple[bytes, bytes]:
    return (b"content-length", str(len(body)).encode())


@pytest.fixture
def asgi(front: Front, publisher: Publisher) -> Client:
    return Client(AsgiFront(front, publisher, 20_000))


def test_an_event_is_answered_after_its_acknowledgement(asgi: Client, broker: Broker) -> None:
    answer = asgi.ask(raw_path=b"/purchase_a_sword", query=b"event_detail=test%20sword")
    assert (answer.status, answer.body) == (200, b"Test Sword Sword Purchased!\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert (broker.events[0]["event_detail"], broker.events[0]["player"]) == ("test sword", "Player 1")
    assert asgi.received == 0


def test_headers_and_paths_are_read_as_the_bytes_they_are(asgi: Client, broker: Broker) -> None:
    headers = [
        (b"host", "Jürgen".encode()),
        (b"x-b", b"1"),
        (b"x-b", b"2"),
        (b"x-c", "ü".encode()),
        (b"x-l", b"\xff"),
        (b"x_b", b"3"),
        (b"user-agent", b"ab"),
    ]
    answer = asgi.ask("POST", b"/purchase_a_sword/gr%C3%BCn/1", headers=headers)
    assert answer.status == 200
    [event] = broker.events
    assert (event["player"], event["user_agent"], event["color"]) == ("Jürgen", "ab", "grün")
    assert event["http_headers"] == {"X-B": "1,2", "X-C": "ü", "X-L": "ÿ"}


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        (b"host", b"a", b"b"),
        (b"host", b"a", b"a"),
        (b"x-player-id", b"a", b"b"),
        (b"content-type", b"application/json", b"text/plain"),
        (b"content-length", b"40", b"4"),
    ],
)
def test_a_header_that_says_who_or_what_comes_once(
    asgi: Client, broker: Broker, name: bytes, first: bytes, second: bytes
) -> None:
    body = json.dumps(GOOD).encode()
    once = [(key, value) for key, value in ((b"host", b"Player 1"), length(body)) if key != name]
    answer = asgi.ask("POST", b"/v1/events", headers=[*once, (name, first), (name, second)], chunks=[body])
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    problem = json.loads(answer.body)
    assert problem["detail"] == f"The header {name.decode()} was sent more than once; send it once."
    assert broker.messages == []


@pytest.mark.parametrize(
    ("raw", "path"), [(b"//a", "//a"), (b"/a%2Fb", "/a/b"), (b"/%ff", "/\xff"), (b"/%C3%BC", "/Ã¼"), (b"/%zz", "/%zz")]
)
def test_a_path_is_decoded_once_into_latin_1(raw: bytes, path: str) -> None:
    assert environ_of(scope("GET", raw, b"", []))["PATH_INFO"] == path


def test_a_body_comes_in_pieces(asgi: Client, broker: Broker) -> None:
    body = json.dumps([GOOD] * 30).encode()
    headers = [(b"host", b"p"), (b"content-type", b"application/json")]
    pieces = [body[:7], b"", body[7:500], body[500:]]
    for more in ([length(body)], [(b"transfer-encoding", b"chunked")]):
        answer = asgi.ask("POST", b"/v1/events", headers=headers + more, chunks=pieces)
        assert answer.status == 200
        assert [item["status"] for item in json.loads(answer.body)["items"]] == ["accepted"] * 30
    assert len(broker.messages) == 60


@pytest.mark.parametrize("size", [20_001, 70_000, 200_000])
def test_a_body_too_large_is_413_and_not_kept(asgi: Client, broker: Broker, size: int) -> None:
    pieces = [b" " * 10_000] * (size // 10_000) + [b" " * (size % 10_000)]
    for header in ((b"content-length", str(size).encode()), (b"transfer-encoding", b"chunked")):
        answer = asgi.ask("POST", b"/v1/events", headers=[(b"host", b"p"), header], chunks=pieces)
        assert (answer.status, answer.headers["content-type"]) == (413, "application/problem+json")
    assert broker.messages == []


def test_a_client_that_leaves_while_it_sends_logs_nothing(asgi: Client, broker: Broker) -> None:
    line = json.dumps(GOOD).encode() + b"\n"
    headers = [(b"host", b"p"), (b"content-type", b"application/x-ndjson"), length(line * 3)]
    answer = asgi.ask("POST", b"/v1/events", headers=headers, chunks=[line, line, None])
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    assert broker.messages == []


def test_what_nobody_acknowledges_is_503_after_the_timeout(asgi: Client, broker: Broker) -> None:
    broker.answers["events"] = "silent"
    answer = asgi.ask()
    assert (answer.status, answer.headers["content-type"]) == (503, "application/problem+json")
    assert "retry-after" in answer.headers


def test_a_request_that_waits_does_not_hold_up_another(front: Front, publisher: Publisher, broker: Broker) -> None:
    publisher.start()
    front.seconds = 30.0
    client = Client(AsgiFront(front, publisher, 20_000))
    broker.answers["events"] = "silent"

    async def both() -> tuple[Answer, Answer, float]:
        waiting = asyncio.create_task(client.asked(raw_path=b"/"))
        await asyncio.sleep(0)
        started = time.monotonic()
        other = await client.asked(raw_path=b"/message")
        seconds = time.monotonic() - started
        assert not waiting.done()
        threading.Thread(target=publisher._drop_producer).start()  # as the serving thread does when the broker is lost
        return await waiting, other, seconds

    waiting, other, seconds = asyncio.run(both())
    assert (waiting.status, other.status) == (503, 200)
    assert seconds < 5


def test_a_body_that_does_not_end_is_408(asgi: Client, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.front.BODY_SECONDS", 0.05)

    async def never() -> Any:
        await asyncio.sleep(60)

    answer = Answer()
    asyncio.run(
        asgi.app(scope("POST", b"/v1/events", b"", [(b"host", b"p"), (b"content-length", b"9")]), never, answer.send)
    )
    assert (answer.status, answer.headers["content-type"]) == (408, "application/problem+json")


def test_more_bodies_at_once_than_there_is_room_for_are_503_and_the_room_is_given_back(
    asgi: Client, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.front.HELD_BYTES", 15_000)
    body = json.dumps([GOOD]).encode()
    headers = [(b"host", b"p"), (b"content-type", b"application/json")]
    for size, status in ((10_000, 200), (16_000, 503), (14_000, 200), (19_000, 503), (15_000, 200)):
        pieces = [body.ljust(size // 2), b" " * (size // 2)]
        answer = asgi.ask("POST", b"/v1/events", headers=[*headers, (b"content-length", b"%d" % size)], chunks=pieces)
        assert answer.status == status, size
    assert len(broker.messages) == 3


def test_an_event_that_is_acknowledged_is_not_made_an_error_by_a_full_disk(
    asgi: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("api.logs.request_line", fail)
    assert asgi.ask().status == 200


def test_no_host_is_no_host_and_no_length_is_invented(asgi: Client, broker: Broker) -> None:
    body = json.dumps(GOOD).encode()
    headers = [(b"host", b""), (b"x-player-id", b"p"), (b"transfer-encoding", b"chunked")]
    assert asgi.ask("POST", b"/v1/events", headers=headers, chunks=[body]).status == 200
    assert "host" not in broker.events[0]
    assert "Content-Length" not in broker.events[0]["http_headers"]


def test_head_gets_no_body_and_logs_no_event(asgi: Client, broker: Broker) -> None:
    answer = asgi.ask("HEAD", b"/")
    assert (answer.status, answer.body) == (405, b"")
    answer = asgi.ask("HEAD", b"/healthz")
    assert (answer.status, answer.body) == (200, b"")
    assert broker.messages == []


def test_headers_that_are_too_large_are_431(asgi: Client, broker: Broker) -> None:
    answer = asgi.ask(headers=[(b"host", b"p")] + [(b"x-%d" % n, b"a" * 4000) for n in range(5)])
    assert (answer.status, answer.headers["content-type"]) == (431, "application/problem+json")
    assert broker.messages == []


def test_an_unexpected_error_after_the_acknowledgement_is_a_problem(
    asgi: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("api.metrics.Metrics.count_events", fail)
    answer = asgi.ask()
    assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
    assert b"secret" not in answer.body


def test_no_request_is_taken_before_the_broker_was_asked(front: Front, broker: Broker, publisher: Publisher) -> None:
    sent: list[str] = []
    messages = ["lifespan.startup", "lifespan.shutdown"]

    async def receive() -> dict[str, Any]:
        return {"type": messages.pop(0)}

    async def send(message: Any) -> None:
        sent.append(message["type"])
        assert broker.connects == 1

    asyncio.run(AsgiFront(front, publisher, 1)({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_large_body_is_worked_on_by_a_thread_of_its_own(
    front: Front, publisher: Publisher, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.front._LARGE_BYTES", 100)
    threads: list[bool] = []
    begin: Callable[..., Any] = front.begin

    def noting(environ: Any) -> Any:
        threads.append(threading.current_thread() is threading.main_thread())
        return begin(environ)

    monkeypatch.setattr(front, "begin", noting)
    client = Client(AsgiFront(front, publisher, 20_000))
    for events in (1, 10):
        body = json.dumps([GOOD] * events).encode()
        headers = [(b"host", b"p"), (b"content-type", b"application/json"), length(body)]
        assert client.ask("POST", b"/v1/events", headers=headers, chunks=[body]).status == 200
    assert threads == [True, False]
    assert len(broker.messages) == 11
