"""Runs the checker: `python -m tests.model quick` (under a minute), or `full` (some ten minutes)."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from tests.model import scenarios
from tests.model.explore import Explorer, Result
from tests.model.mutations import MUTATIONS, NEEDLESS
from tests.model.protocol import Protocol

LIMIT = 600_000  # states of one configuration; beyond it is cut off, and says so


def run(name: str, runs: str, without: tuple[str, ...] = (), fine: bool = False, limit: int = LIMIT) -> Result:
    """Explores one configuration; Kafka is read in a step of its own where messages may expire."""
    loses = bool(set("KL") & set(runs))
    protocol = Protocol(getattr(scenarios, name), frozenset(without), fine=fine, loses=loses)
    return Explorer(protocol, runs).explore(limit)


def mutations() -> Iterator[tuple[str, Result, bool]]:
    """Every mutation: name, result, and whether it was caught by the invariant that was meant."""
    for each in MUTATIONS:
        result = run(each.scenario, each.runs, each.without)
        caught = result.violation is not None and each.how in result.violation
        yield f"without {' and '.join(each.without)}: {each.scenario} {each.runs}", result, caught


def clean(full: bool) -> Iterator[tuple[str, Result, bool]]:
    """Every configuration, of the protocol and of it without needless sentences: name, result, whether all is right."""
    for name, runs in (*scenarios.QUICK, *(scenarios.FULL if full else ())):
        result = run(name, runs)
        yield f"{name} {runs}", result, result.violation is None
    for name, runs in (*scenarios.QUICK_FINE, *(scenarios.FULL_FINE if full else ())):
        result = run(name, runs, fine=True)
        yield f"{name} {runs} fine", result, result.violation is None
    for each in NEEDLESS:
        for name, runs in each.configurations if full else each.configurations[:1]:
            result = run(name, runs, (each.without,))
            yield f"{name} {runs} without {each.without}", result, result.violation is None


def main(full: bool) -> int:
    """Prints a line a configuration and a total. Returns how many did not go as they must."""
    began, wrong = time.monotonic(), 0
    for title, results in (
        ("mutations, each must be caught", mutations()),
        ("the protocol, nothing may be wrong", clean(full)),
    ):
        print(f"== {title}")
        count = states = transitions = cut = 0
        for name, result, right in results:
            verdict = result.violation or ("clean" if result.complete else "clean so far, CUT OFF")
            print(
                f"{'  ' if right else '!!'} {name:60} {result.states:9,} states {result.tables:7,} of tables "
                f"{result.transitions:10,} transitions {result.seconds:6.1f} s  {verdict}",
                flush=True,
            )
            if not right:
                wrong += 1
                print("\n".join(f"      {line}" for line in result.trace))
            count, states, transitions = count + 1, states + result.states, transitions + result.transitions
            cut += not result.complete
        print(f"{count} configurations, {states:,} states, {transitions:,} transitions, {cut} cut off, {wrong} wrong\n")
    print(f"{time.monotonic() - began:.0f} s")
    return wrong


if __name__ == "__main__":
    sys.exit(bool(main("full" in sys.argv[1:])))
