"""Sending: every event is counted once as what became of it, whatever the API answers and whenever it is stopped."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from stack.loads import sending as module
from stack.loads.documents import Load, Pause
from stack.loads.game_client import GameClient, NotSent
from stack.loads.play import Becomes, Played, Session
from stack.loads.sending import Sending, Tally
from tests.unit.stack.api import Asked, serving

TYPES = {"default_events": "default", "guild_actions": "guild_action"}
FRONT = Load(5, "ada", "GET", "/", "default_events")
JOIN = Load(3, "bob", "POST", "/guild/join", "guild_actions")
GOOD = (200, {"items": [{"status": "accepted"}]})


def acknowledged(tally: Tally) -> dict[tuple[str, str], int]:
    return {(group["event_type"], group["host"]): group["acknowledged"] for group in tally.groups()}


def test_loads_are_sent_one_after_the_other_and_counted_by_type_and_host() -> None:
    with serving(lambda _: (200, "ok")) as api:
        tally = Sending(api.url, TYPES).run((FRONT, JOIN, FRONT))
    assert acknowledged(tally) == {("default", "ada"): 10, ("guild_action", "bob"): 3}
    assert [asked.path for asked in api.asked] == ["/"] * 5 + ["/guild/join"] * 3 + ["/"] * 5
    assert api.asked[0].headers == {
        "Host": "ada", "User-Agent": "lakehouse-demo", "Accept": "*/*", "Content-Length": "0",
    }  # fmt: skip
    assert (tally.good, tally.stopped, tally.events, tally.answered) == (True, False, 13, 13)


def test_a_pause_is_waited_for_after_all_answers() -> None:
    with serving(lambda _: (200, "ok")) as api:
        began = time.monotonic()
        tally = Sending(api.url, TYPES).run((FRONT, Pause(0.3), JOIN))
    assert time.monotonic() - began > 0.3 and tally.events == 8


@pytest.mark.parametrize(
    ("answer", "refused", "uncertain"),
    [
        ((400, {"title": "Invalid event", "field": "size", "rule": "enum"}), {"400 size: enum": 5}, {}),
        ((413, {"title": "Event too large", "rule": "max_bytes"}), {"413 max_bytes": 5}, {}),
        ((404, {"title": "Not Found"}), {"404 Not Found": 5}, {}),
        ((404, "no problem document"), {"404 without a reason": 5}, {}),
        ((422, {"title": "All", "items": [{"status": "rejected", "field": "a", "rule": "b"}]}), {"422 a: b": 5}, {}),
        ((200, {"items": [{"status": "rejected", "field": "a", "rule": "b"}]}), {"200 a: b": 5}, {}),
        ((503, {"title": "Not acknowledged"}), {}, {"503 Not acknowledged": 5}),
        (None, {}, {"no answer (RemoteDisconnected: Remote end closed connection without response)": 5}),
    ],
)
def test_what_is_not_acknowledged_is_counted_with_its_reason(
    answer: Any, refused: dict[str, int], uncertain: dict[str, int]
) -> None:
    with serving(lambda _: answer) as api:
        tally = Sending(api.url, TYPES).run((FRONT,))
    assert (tally.events, dict(tally.refused), dict(tally.uncertain)) == (0, refused, uncertain)
    assert not tally.good and tally.answered == 5
    assert tally.unexpected == sum(refused.values())


def session(*events: Played) -> Session:
    return Session("player-1", "web", events)


def test_a_session_is_sent_in_its_order_by_its_player() -> None:
    events = [Played("default", str(number).encode()) for number in range(20)]
    with serving(lambda _: GOOD) as api:
        tally = Sending(api.url, TYPES).run((session(*events),))
    assert [asked.body for asked in api.asked] == [event.body for event in events]
    assert api.asked[0].path == "/v1/events" and api.asked[0].headers["X-Player-Id"] == "player-1"
    assert acknowledged(tally) == {("default", "web"): 20}


def test_what_repeats_an_event_is_sent_only_if_that_was_acknowledged() -> None:
    def answer(asked: Asked) -> tuple[int, Any]:
        return (400, {"title": "bad"}) if asked.body == b"bad" else GOOD

    events = (
        Played("default", b"good"),
        Played("default", b"good", Becomes.REPETITION, 0),
        Played("default", b"bad", Becomes.REFUSED),
        Played("default", b"after bad", Becomes.QUARANTINED, 2),
        Played("default", b"reused", Becomes.QUARANTINED, 0),
    )
    with serving(answer) as api:
        tally = Sending(api.url, TYPES).run((session(*events),))
    assert [asked.body for asked in api.asked] == [b"good", b"good", b"bad", b"reused"]
    assert tally.groups() == [
        {"event_type": "default", "host": "web", "acknowledged": 3, "rows": 1, "repeated": 1, "to_quarantine": 1}
    ]
    assert tally.good and dict(tally.refused) == {"400 bad": 1}


def endless() -> Iterator[Load]:
    while True:
        yield FRONT


def test_endless_loads_end_with_their_time_and_what_was_sent_is_what_is_counted() -> None:
    with serving(lambda _: (200, "ok")) as api:
        tally = Sending(api.url, TYPES).run(endless(), seconds=0.5)
        assert tally.events == len(api.asked) > 5
    assert 0.5 <= tally.seconds < 5 and tally.good and not tally.stopped


def test_ctrl_c_ends_it_and_all_that_was_sent_is_counted() -> None:
    def answer(asked: Asked) -> tuple[int, Any]:
        time.sleep(0.01)
        if len(api.asked) == 30:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return (200, "ok")

    with serving(answer) as api:
        tally = Sending(api.url, TYPES).run(endless())
        assert tally.events == len(api.asked) >= 30
    assert tally.stopped and tally.good


def test_a_rate_is_kept() -> None:
    """Never faster, however busy the machine is; how far apart the events are due is told by a clock that stands still."""
    with serving(lambda _: (200, "ok")) as api:
        tally = Sending(api.url, TYPES, rate=50).run(endless(), seconds=0.5)
    assert 1 < tally.events <= 2 + 50 * tally.seconds


def test_events_are_due_one_after_the_other_at_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now, waits = [100.0], list[float]()
    sending = Sending("http://127.0.0.1:1", TYPES, rate=50)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(sending._stop, "wait", waits.append)
    for _ in range(3):
        sending._await_turn()
    now[0] = 101.0  # nothing was due for a second: that time is not made up for
    for _ in range(2):
        sending._await_turn()
    assert waits == pytest.approx([0, 0.02, 0.04, 0, 0.02])


def test_it_is_told_how_far_it_is() -> None:
    told: list[int] = []
    with serving(lambda _: (200, "ok")) as api:
        Sending(api.url, TYPES, rate=50).run((FRONT, FRONT), told=lambda now: told.append(now.events))
    assert told == sorted(told) and told[-1] == 10


def test_where_nobody_answers_it_gives_up_and_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GIVE_UP_SECONDS", 0.2)
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.05)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        tally = Sending(url, TYPES).run((FRONT,))
        assert tally.failure.startswith(f"nobody has answered at {url} for 0 s: ") and "refused" in tally.failure
        monkeypatch.setattr(module, "GIVE_UP_SECONDS", 60)
        tally = Sending(url, TYPES).run((FRONT,), seconds=0.3)
    assert tally.failure.startswith(f"nobody has answered at {url}: ") and not tally.good
    assert tally.answered == 0 and not tally.good


def test_a_server_that_comes_back_in_time_gets_every_event_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.05)
    real, refusals = GameClient.send, [5]

    def send(self: Any, *given: Any) -> Any:
        if refusals[0]:
            refusals[0] -= 1
            raise NotSent("refused")
        return real(self, *given)

    monkeypatch.setattr(GameClient, "send", send)
    with serving(lambda _: (200, "ok")) as api:
        tally = Sending(api.url, TYPES).run((FRONT,))
    assert (tally.events, len(api.asked), refusals) == (5, 5, [0]) and tally.good
