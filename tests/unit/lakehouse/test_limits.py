"""A limit of time for calls that have none."""

from __future__ import annotations

import threading

import pytest

from lakehouse.limits import within


def test_an_answer_in_time_is_handed_on() -> None:
    assert within(10, lambda: 7) == 7


def test_an_error_is_handed_on() -> None:
    with pytest.raises(ZeroDivisionError):
        within(10, lambda: 1 // 0)


def test_nothing_is_an_answer_too() -> None:
    assert within(10, lambda: None) is None


def test_who_does_not_answer_is_given_up() -> None:
    never = threading.Event()
    with pytest.raises(TimeoutError, match="no answer within 0.05 s"):
        within(0.05, never.wait)
    never.set()
