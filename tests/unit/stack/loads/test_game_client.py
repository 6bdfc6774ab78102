"""The game's client: what it sends, when it opens a connection anew, and what it says when there is no answer."""

from __future__ import annotations

import socket
import time

import pytest

from stack.loads import game_client
from stack.loads.game_client import GameClient, NoAnswer, NotSent
from tests.unit.stack.api import serving


def test_a_request_has_the_headers_given_and_its_length_alone() -> None:
    with serving(lambda _: (201, "done")) as api, GameClient(api.url) as client:
        answer = client.send("POST", "/guild/join?a=b", {"Host": "Player 1", "Accept": "*/*"}, b"{}")
    (asked,) = api.asked
    assert (answer.status, answer.body, answer.good) == (201, b'"done"', True)
    assert (asked.method, asked.path, asked.body) == ("POST", "/guild/join?a=b", b"{}")
    assert asked.headers == {"Host": "Player 1", "Accept": "*/*", "Content-Length": "2"}


def test_a_connection_is_kept_unless_it_was_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda _: (200, "")) as api, GameClient(api.url) as client:
        client.send("GET", "/", {"Host": "a"})
        client.send("GET", "/", {"Host": "a"})
        monkeypatch.setattr(game_client, "IDLE_SECONDS", 0.0)
        client.send("GET", "/", {"Host": "a"})
    first, second, third = (asked.connection for asked in api.asked)
    assert first == second != third


@pytest.mark.parametrize(("status", "good"), [(199, False), (200, True), (299, True), (300, False), (503, False)])
def test_only_2xx_is_good(status: int, good: bool) -> None:
    assert game_client.Answer(status, b"").good is good


def test_a_connection_that_is_closed_under_a_request_is_no_answer_and_the_next_is_sent_anew() -> None:
    says = iter([None, (200, "")])
    with serving(lambda _: next(says)) as api, GameClient(api.url) as client:
        with pytest.raises(NoAnswer, match="RemoteDisconnected"):
            client.send("GET", "/", {"Host": "a"})
        assert client.send("GET", "/", {"Host": "a"}).good
    assert len(api.asked) == 2


def test_an_answer_that_comes_too_late_is_none_and_the_next_is_sent_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(game_client, "ANSWER_SECONDS", 0.2)
    waits = iter([0.5, 0.0])

    def answer(_: object) -> tuple[int, str]:
        time.sleep(next(waits))
        return (200, "")

    with serving(answer) as api, GameClient(api.url) as client:
        with pytest.raises(NoAnswer, match="timed out"):
            client.send("GET", "/", {"Host": "a"})
        client._connection.timeout = 5.0
        assert client.send("GET", "/", {"Host": "a"}).good


def test_where_nobody_listens_nothing_is_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with GameClient(address) as client, pytest.raises(NotSent, match="refused"):
            client.send("GET", "/", {"Host": "a"})
