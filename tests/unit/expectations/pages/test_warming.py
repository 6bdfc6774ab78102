"""A new Trino is asked for the overview until that is quick."""

from __future__ import annotations

import pytest

from expectations.pages.warming import MOST_ROUNDS, QUICK_SECONDS, Warming, name_of
from lakehouse.clients.trino import QueryError


class Trino:
    """Takes the given seconds for one overview after the other, the last ones for all that follow."""

    def __init__(self, *seconds: float) -> None:
        self.name = "one"
        self.now = 0.0
        self.seconds = list(seconds)
        self.pauses: list[float] = []
        self.overviews = 0
        self.is_down = False
        self.warming = Warming(self.which, self.overview, lambda: self.now, self.pause)

    def which(self) -> str:
        if self.is_down:
            raise QueryError("Trino does not answer")
        return self.name

    def overview(self) -> None:
        self.which()
        self.overviews += 1
        self.now += self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def test_it_is_asked_until_it_is_quick_and_others_have_half_of_the_time() -> None:
    trino = Trino(6, 3, 2, QUICK_SECONDS - 0.1)
    trino.warming.look()
    assert (trino.overviews, trino.pauses) == (4, [6, 3, 2])


def test_a_warm_one_is_not_asked_again_until_it_is_started_anew() -> None:
    trino = Trino(1)
    trino.warming.look()
    trino.warming.look()
    assert trino.overviews == 1
    trino.name = "two"
    trino.warming.look()
    assert trino.overviews == 2


def test_one_that_never_gets_quick_is_let_alone_after_some_rounds() -> None:
    trino = Trino(QUICK_SECONDS + 1)
    trino.warming.look()
    trino.warming.look()
    assert trino.overviews == MOST_ROUNDS


@pytest.mark.parametrize("breaks", ["before", "meanwhile"])
def test_one_that_does_not_answer_is_warmed_later(breaks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trino = Trino(6, 1)
    if breaks == "before":
        trino.is_down = True
    else:
        monkeypatch.setattr(trino, "pause", lambda _: setattr(trino, "is_down", True))
        trino.warming = Warming(trino.which, trino.overview, lambda: trino.now, trino.pause)
    trino.warming.look()
    trino.is_down = False
    seen = trino.overviews
    trino.warming.look()
    assert trino.overviews == seen + (2 if breaks == "before" else 1)


def test_a_start_of_trino_is_told_by_the_ids_of_its_queries() -> None:
    assert name_of("20261128_101112_00007_abcde") == name_of("20261128_101500_00011_abcde") == "abcde"
