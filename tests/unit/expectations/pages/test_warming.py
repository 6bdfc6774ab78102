"""A new Trino is asked for the overview until that is quick."""

from __future__ import annotations

import logging

import pytest

from expectations.pages.warming import LOOK_EVERY_SECONDS, MOST_ROUNDS, MOST_SECONDS, QUICK_SECONDS, WARMED, Warming
from lakehouse.clients.trino import QueryError


class Ended(BaseException):
    """Ends what goes on for ever."""


class Trino:
    """Takes the given seconds for one overview after the other, the last ones for all that follow."""

    def __init__(self, *seconds: float) -> None:
        self.now = 1000.0
        self.started = 900.0
        self.seconds = list(seconds)
        self.pauses: list[float] = []
        self.overviews = 0
        self.down = False
        self.error: Exception | None = None
        self.pauses_left = 1000
        self.warming = Warming(self.uptime, self.overview, lambda: self.now, self.pause)

    def uptime(self) -> float:
        if self.down:
            raise QueryError("Trino does not answer")
        return self.now - self.started

    def overview(self) -> None:
        if self.error:
            raise self.error
        self.overviews += 1
        self.now += self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        self.pauses_left -= 1
        if not self.pauses_left:
            raise Ended


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_it_is_asked_until_it_is_quick_and_others_have_half_of_the_time(caplog: pytest.LogCaptureFixture) -> None:
    trino = Trino(6, 3, 2, QUICK_SECONDS - 0.1)
    assert trino.warming.look()
    assert (trino.overviews, trino.pauses) == (4, [6, 3, 2])
    assert caplog.messages == [f"{WARMED} 6.0 s for the first overview, 1.4 s for number 4"]


def test_a_warm_one_is_not_asked_again_until_it_is_started_anew() -> None:
    trino = Trino(1)
    trino.warming.look()
    trino.warming.look()
    assert trino.overviews == 1
    trino.started = trino.now
    trino.warming.look()
    assert trino.overviews == 2


def test_one_that_never_gets_quick_is_let_alone_after_some_rounds() -> None:
    trino = Trino(QUICK_SECONDS + 1)
    trino.warming.look()
    trino.warming.look()
    assert trino.overviews == MOST_ROUNDS


def test_it_goes_on_while_there_is_none_and_says_nothing_of_it(caplog: pytest.LogCaptureFixture) -> None:
    trino = Trino(1)
    trino.down, trino.pauses_left = True, 4
    with pytest.raises(Ended):
        trino.warming.go_on()
    assert (trino.pauses, caplog.messages) == ([LOOK_EVERY_SECONDS] * 4, [])
    trino.down, trino.pauses_left = False, 1
    with pytest.raises(Ended):
        trino.warming.go_on()
    assert trino.overviews == 1


def test_one_that_refuses_is_asked_ever_more_seldom_and_that_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    trino = Trino(1)
    trino.error, trino.pauses_left = QueryError("no such view"), 8
    with pytest.raises(Ended):
        trino.warming.go_on()
    assert trino.pauses == [40, 80, 160, 320, MOST_SECONDS, MOST_SECONDS, MOST_SECONDS, MOST_SECONDS]
    assert caplog.messages == ["Trino cannot be warmed yet: QueryError: no such view"]
    assert not caplog.records[0].exc_info
    trino.error, trino.pauses, trino.pauses_left = None, [], 1
    with pytest.raises(Ended):
        trino.warming.go_on()
    assert (trino.overviews, trino.pauses) == (1, [LOOK_EVERY_SECONDS])


def test_a_fault_of_our_own_is_told_with_its_place(caplog: pytest.LogCaptureFixture) -> None:
    trino = Trino(1)
    trino.error = KeyError("rows")
    assert not trino.warming.look()
    assert caplog.records[0].exc_info


def test_one_that_is_started_anew_while_it_is_warmed_is_warmed_again() -> None:
    trino = Trino(1)
    trino.error = QueryError("it is gone")
    assert not trino.warming.look()
    trino.error = None
    trino.started = trino.now - 1
    assert trino.warming.look()
    assert trino.warming.look()
    assert trino.overviews == 1
