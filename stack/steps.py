"""Runs named steps in parallel, each as soon as the steps that it needs have succeeded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from graphlib import TopologicalSorter


@dataclass(frozen=True)
class Step:
    """One step. `run` gets a function that says whether to give up, for use in its waits."""

    name: str
    needs: tuple[str, ...]
    run: Callable[[Callable[[], bool]], None]
    title: str = ""


@dataclass
class Outcome:
    """The outcome of the steps: the seconds of those that succeeded, the errors of those that failed."""

    seconds: dict[str, float] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)


def run_steps(
    steps: Iterable[Step],
    done: Callable[[Step, float], None],
    at_work: Callable[[list[Step], float], None] = lambda running, seconds: None,
    every_seconds: float = 5.0,
) -> Outcome:
    """Runs all steps; after the first error no further step begins and those that run are asked to give up.

    Args:
        done: called, one call at a time, for each step that succeeded, with the seconds it took.
        at_work: called, between those calls, if for `every_seconds` no step has ended: which ones run, and the seconds since
            the first one began.
    """
    steps = ordered(steps)
    outcome = Outcome()
    changed = threading.Condition()
    running: dict[str, Step] = {}
    first = time.monotonic()

    def give_up() -> bool:
        return bool(outcome.errors)

    def work(step: Step) -> None:
        with changed:
            changed.wait_for(lambda: give_up() or all(need in outcome.seconds for need in step.needs))
            if give_up():
                return
            running[step.name] = step
        began = time.monotonic()
        error: Exception | None = None
        try:
            step.run(give_up)
        except Exception as raised:  # the caller reports every failed step
            error = raised
        with changed:
            del running[step.name]
            if error is None:
                outcome.seconds[step.name] = time.monotonic() - began
                done(step, outcome.seconds[step.name])
            else:
                outcome.errors[step.name] = error
            changed.notify_all()

    threads = [threading.Thread(target=work, args=(step,), name=step.name, daemon=True) for step in steps]
    for thread in threads:
        thread.start()
    with changed:
        while running or (len(outcome.seconds) < len(steps) and not give_up()):
            if not changed.wait(every_seconds):
                at_work(list(running.values()), time.monotonic() - first)
    for thread in threads:
        thread.join()
    return outcome


def ordered(steps: Iterable[Step]) -> list[Step]:
    """The steps, each after those that it needs. This shows that none waits for itself.

    Raises:
        graphlib.CycleError: one does.
    """
    by_name = {step.name: step for step in steps}
    graph = {step.name: step.needs for step in by_name.values()}
    return [by_name[name] for name in TopologicalSorter(graph).static_order()]
