"""Answers that are kept for some seconds."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from expectations.pages.source import MOST_KEPT, Kept, Source
from expectations.pages.waiting import Patient, Waiting


class Trino:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[Any, ...]]] = []

    def __call__(self, sql: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
        self.asked.append((sql, tuple(parameters)))
        return [{"number": len(self.asked)}]


def test_an_answer_is_kept_for_its_seconds_by_statement_and_parameters() -> None:
    now = [0.0]
    trino = Trino()
    source = Source(trino, 10, lambda: now[0])
    assert [source.rows("a", 1), source.rows("a", 1), source.rows("a", 2)] == [
        [{"number": 1}], [{"number": 1}], [{"number": 2}],
    ]  # fmt: skip
    now[0] = 10.5
    assert source.rows("a", 1) == [{"number": 3}]


def test_an_answer_is_kept_from_when_it_came_however_long_it_took() -> None:
    now, asked = [0.0], list[float]()

    def slow(*_: object) -> list[dict[str, Any]]:
        asked.append(now[0])
        now[0] += 12
        return []

    source, kept = Source(slow, 10, lambda: now[0]), Kept(slow, 10, lambda: now[0])
    for ask in (lambda: source.rows("a"), kept.get):
        ask()
        now[0] += 10  # somebody who waited for it, or comes later
        ask()
        now[0] += 1
        ask()
    assert asked == [0, 23, 35, 58]


def test_what_is_asked_fresh_is_not_kept() -> None:
    trino = Trino()
    source = Source(trino)
    assert [source.fresh("a"), source.fresh("a"), source.rows("a")] == [[{"number": n}] for n in (1, 2, 3)]


def test_what_failed_is_asked_again() -> None:
    def fail(sql: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
        asked.append(sql)
        raise ValueError

    asked: list[str] = []
    source = Source(fail)
    for _ in range(2):
        with pytest.raises(ValueError):
            source.rows("a")
    assert asked == ["a", "a"]


def test_many_who_ask_the_same_at_once_are_one_question() -> None:
    trino = Trino()
    source = Source(trino)
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        source.rows("a")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trino.asked == [("a", ())]


def test_old_answers_make_room_for_new_ones() -> None:
    trino = Trino()
    source = Source(trino, kept_seconds=1e9)
    for number in range(MOST_KEPT + 1):
        source.rows("a", number)
    source.rows("a", MOST_KEPT)
    source.rows("a", 0)
    assert len(trino.asked) == MOST_KEPT + 2


def test_a_kept_value_is_made_anew_when_it_is_old() -> None:
    now, made = [0.0], iter(range(9))
    kept = Kept(lambda: next(made), 5, lambda: now[0])
    assert (kept.get(), kept.get()) == (0, 0)
    now[0] = 6
    assert kept.get() == 1


def test_a_page_does_not_wait_for_a_kafka_that_does_not_answer() -> None:
    answer = threading.Event()

    def ask() -> Waiting:
        answer.wait(10)
        return Waiting(0)

    patient = Patient(ask, 0.01)
    assert patient().messages is None and "does not answer" in patient().sentences[0]
    answer.set()
    assert Patient(ask, 5)().nothing
