"""The loads of the demo: what is sent, how, and what is said of one that is not accepted."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from random import Random
from threading import Thread
from typing import Any

import pytest

from stack.loads import documents as loads
from stack.loads.documents import PLAYERS, SHOPS, Load, LoadError, Pause, load_of, sender

LOAD = Load(30, "Player 1", "POST", "/guild/join", "guild_actions")


def test_what_is_sent_is_what_the_documents_say() -> None:
    assert [str(load) for load in (*PLAYERS, *SHOPS)] == [
        "   100 x GET  /purchase_a_sword?event_detail=test_sword_1  as Player 1",
        "   100 x GET  /purchase_a_sword?event_detail=test_sword_2  as Player 2",
        "   100 x GET  /purchase_a_sword?event_detail=test_sword_3  as Player 3",
        "   100 x GET  /join_guild?event_detail=W205-Test  as Player 3",
        "   100 x GET  /join_guild?event_detail=Office-Hours  as Player 2",
        " 11111 x GET  /join_guild?event_detail=Ready_to_submit  as Jordan Meyer",
        "   100 x POST /purchase_a_sword/red/2  as user1.comcast.com",
        "   100 x POST /purchase_a_sword/red/3  as user2.comcast.com",
        "   500 x POST /purchase_a_sword/red/1  as user3.comcast.com",
        "   200 x POST /purchase_a_sword/blue/1  as user1.comcast.com",
        "   200 x POST /purchase_a_sword/blue/2  as user2.comcast.com",
        "    10 x POST /purchase_a_sword/blue/3  as user3.comcast.com",
        "   300 x POST /purchase_a_sword/green/1  as user1.comcast.com",
        "   100 x POST /purchase_a_sword/green/1  as user2.comcast.com",
        "   100 x POST /purchase_a_sword/green/1  as user3.comcast.com",
        "   100 x POST /purchase_a_horse/1/small/1  as user1.comcast.com",
        "   500 x POST /purchase_a_horse/1/small/1  as user2.comcast.com",
        "   200 x POST /purchase_a_horse/1/small/1  as user3.comcast.com",
        "   200 x POST /purchase_a_horse/1/medium/2  as user1.comcast.com",
        "   400 x POST /purchase_a_horse/1/medium/1  as user2.comcast.com",
        "   300 x POST /purchase_a_horse/1/medium/1  as user3.comcast.com",
        "    50 x POST /purchase_a_horse/1/large/1  as user1.comcast.com",
        "    50 x POST /purchase_a_horse/1/large/1  as user2.comcast.com",
        "   500 x POST /purchase_a_horse/1/large/1  as user3.comcast.com",
        "   200 x POST /guild/join  as user1.comcast.com",
        "   100 x POST /guild/leave  as user1.comcast.com",
    ]


def test_a_load_is_found_by_its_number() -> None:
    assert (load_of(1, Random()), load_of(4, Random())) == (PLAYERS, SHOPS)
    with pytest.raises(ValueError, match="there is no load 5"):
        load_of(5, Random())


def test_load_2_is_sent_in_turns_of_ten_without_end() -> None:
    turn = [
        "    10 x GET  /  as test_connection.game.com",
        "    10 x GET  /request_group  as requester.game.com",
        "Pause(seconds=10)",
        "    10 x GET  /accept_member  as acceptor.game.com",
        "Pause(seconds=10)",
    ]
    assert [str(step) for step in islice(load_of(2, Random()), 10)] == turn * 2


def test_load_3_sends_both_users_numbers_within_the_documents_limits() -> None:
    steps = list(islice(load_of(3, Random(1)), 7 * 300))
    assert steps[6::7] == [Pause(3)] * 300
    loads = [step for step in steps if isinstance(step, Load)]
    counts: dict[str, set[int]] = {"user1.comcast.com": set(), "user2.att.com": set()}
    for load in loads:
        counts[load.host].add(load.count)
    assert counts == {"user1.comcast.com": set(range(6, 31)), "user2.att.com": set(range(1, 51))}
    paths = Counter((load.path, load.table, load.method) for load in loads)
    assert paths == {
        ("/", "default_events", "GET"): 600,
        ("/purchase_a_sword", "sword_purchases", "GET"): 600,
        ("/join_a_guild", "guild_actions", "GET"): 600,
    }
    assert list(islice(load_of(3, Random(1)), 50)) == steps[:50] != list(islice(load_of(3, Random(2)), 50))


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Apache Bench is there, and ends like this; gives the calls of it."""
    monkeypatch.setattr(shutil, "which", {"ab": "/usr/bin/ab"}.get)
    calls: list[Any] = []

    def ends(status: int, output: str, errors: str = "") -> list[Any]:
        def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
            calls.append((command, options))
            return subprocess.CompletedProcess(command, status, output, errors)

        monkeypatch.setattr(subprocess, "run", run)
        return calls

    return ends


def test_apache_bench_sends_the_load_if_it_is_there(bench: Callable[..., list[Any]]) -> None:
    calls = bench(0, "Complete requests:      30\nFailed requests:        7\n")
    sender("http://api:1")(LOAD)
    few = Load(3, "Player 1", "GET", "/", "default_events")
    with pytest.raises(LoadError):
        sender("http://api:1", concurrency=5)(few)
    command = [
        "/usr/bin/ab",
        "-q",
        "-n",
        "30",
        "-c",
        "8",
        "-m",
        "POST",
        "-H",
        "Host: Player 1",
        "http://api:1/guild/join",
    ]
    assert calls[0] == (command, {"capture_output": True, "text": True, "timeout": 300, "check": False})
    assert calls[1][0][2:8] == ["-n", "3", "-c", "3", "-m", "GET"]


@pytest.mark.parametrize(
    ("status", "output", "errors", "reason"),
    [
        (0, "Complete requests:      29\n", "", "Complete requests:      29"),
        (0, "Complete requests:      30\nNon-2xx responses:      4\n", "", "Non-2xx responses:      4"),
        (0, "nothing", "", "nothing"),
        (22, "Complete requests:      30\n", "apr_socket_recv: refused\n", "apr_socket_recv: refused"),
        (1, "", "x" * 400, "x" * 300),
    ],
)
def test_a_load_that_apache_bench_did_not_get_through_is_said(
    bench: Callable[..., list[Any]], status: int, output: str, errors: str, reason: str
) -> None:
    bench(status, output, errors)
    with pytest.raises(LoadError) as raised:
        sender("http://api:1")(LOAD)
    assert str(raised.value) == f"    30 x POST /guild/join  as Player 1: {reason}"


class Api(ThreadingHTTPServer):
    """Keeps requests and answers with these statuses, the last one again and again."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses = [200]
        self.asked: list[tuple[str, str, list[tuple[str, str]]]] = []


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Api)
        server.asked.append((self.command, self.path, self.headers.items()))
        self.send_response_only(server.statuses.pop(0) if len(server.statuses) > 1 else server.statuses[0])
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with Api() as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def test_without_apache_bench_a_client_sends_the_same(api: Api) -> None:
    send = sender(f"http://127.0.0.1:{api.server_port}")
    api.statuses = [204, 299, 200]
    send(LOAD)
    headers = [("Host", "Player 1"), ("User-Agent", "lakehouse-demo"), ("Accept", "*/*"), ("Content-Length", "0")]
    assert api.asked == [("POST", "/guild/join", headers)] * 30


@pytest.mark.parametrize("status", [300, 199, 503])
def test_what_the_client_did_not_get_through_is_said(api: Api, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    api.statuses = [200, status, 400, 200]
    monkeypatch.setattr(loads, "ThreadPoolExecutor", lambda workers: ThreadPoolExecutor(1))
    with pytest.raises(LoadError) as raised:
        sender(f"http://127.0.0.1:{api.server_port}")(LOAD)
    words = f"2 requests were not accepted, the first with status {status}"
    assert str(raised.value) == f"    30 x POST /guild/join  as Player 1: {words}"


def test_an_api_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(LoadError, match=r"^ +30 x POST /guild/join  as Player 1: .*refused"):
            sender(f"http://127.0.0.1:{taken.getsockname()[1]}")(LOAD)
