"""Steps run in the order of their needs, side by side, and end at the first failure."""

from __future__ import annotations

import graphlib
import threading
from collections.abc import Callable
from functools import partial

import pytest

from stack.steps import Step, run_steps

GiveUp = Callable[[], bool]


def nothing(step: Step, seconds: float) -> None:
    """Told of a step that is done."""


def test_a_step_runs_after_those_it_needs_whatever_the_order_given() -> None:
    order: list[str] = []

    def run(name: str, _: GiveUp) -> None:
        order.append(name)

    steps = [Step(name, needs, partial(run, name)) for name, needs in (("c", ("a", "b")), ("b", ("a",)), ("a", ()))]
    assert set(run_steps(steps, nothing).seconds) == {"a", "b", "c"}
    assert order == ["a", "b", "c"]


def test_steps_that_need_nothing_of_each_other_run_side_by_side() -> None:
    meet = threading.Barrier(2, timeout=10)

    def run(_: GiveUp) -> None:
        meet.wait()

    outcome = run_steps([Step(name, (), run) for name in ("a", "b")], nothing)
    assert outcome.errors == {}


def test_after_a_failure_no_step_begins_and_running_ones_are_told() -> None:
    told = threading.Event()
    began = threading.Event()

    def wait(give_up: GiveUp) -> None:
        began.set()
        while not give_up():
            threading.Event().wait(0.01)
        told.set()

    def fail(_: GiveUp) -> None:
        began.wait(10)
        raise ValueError("broken")

    outcome = run_steps([Step("slow", (), wait), Step("bad", (), fail), Step("later", ("bad",), wait)], nothing)
    assert told.is_set()
    assert str(outcome.errors["bad"]) == "broken"
    assert "later" not in outcome.seconds


def test_steps_that_wait_for_each_other_are_refused() -> None:
    steps = [Step("a", ("b",), lambda _: None), Step("b", ("a",), lambda _: None)]
    with pytest.raises(graphlib.CycleError):
        run_steps(steps, nothing)


def test_while_no_step_ends_it_is_told_which_are_at_work() -> None:
    told = threading.Event()
    seen: list[tuple[list[str], float]] = []

    def at_work(running: list[Step], seconds: float) -> None:
        seen.append(([step.name for step in running], seconds))
        told.set()

    def slow(_: GiveUp) -> None:
        told.wait(10)

    steps = [Step("slow", (), slow), Step("later", ("slow",), lambda _: None)]
    outcome = run_steps(steps, nothing, at_work, every_seconds=0.05)
    assert set(outcome.seconds) == {"slow", "later"} and outcome.errors == {}
    assert seen[0][0] == ["slow"] and 0.05 <= seen[0][1] < 10


def test_steps_that_end_in_time_are_not_told_of() -> None:
    def at_work(running: list[Step], seconds: float) -> None:
        raise AssertionError(running)

    assert set(run_steps([Step("a", (), lambda _: None)], nothing, at_work).seconds) == {"a"}
    assert run_steps([], nothing, at_work).seconds == {}
