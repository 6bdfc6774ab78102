"""What the table of figures says of ratios, goals and noise."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.figures import Figure, Table, paired


def figure(ours: tuple[float, ...], theirs: tuple[float, ...] = (), **more: Any) -> Figure:
    return Figure("what", "against", "/s", ours, theirs, **more)


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (figure((30.0, 31.0, 29.0), (2.0, 2.0, 2.0), wanted=15), "reached"),
        (figure((29.0, 31.0, 28.0), (2.0, 2.0, 2.0), wanted=15), "short: 14 x, wanted at least 15 x"),
        (figure((1.0,), (1.0,), wanted=1.1, at_most=True), "reached"),
        (figure((2.0,), (1.0,), wanted=1.1, at_most=True), "short: 2 x, wanted at most 1.1 x"),
        (figure((20.0, 40.0, 24.0), limit=25), "reached"),
        (figure((20.0, 40.0, 26.0), limit=25), "short: 26 /s, wanted at most 25"),
        (figure((9.0,), (1.0,), wanted=1, at_most=True), "short: 9 x, wanted at most 1 x"),
        (figure((9.0,), (8.0,), wanted=1, limit=5), "short: 9 /s, wanted at most 5"),
        (figure((9.0,), (1.0,)), "no goal"),
    ],
)  # fmt: skip
def test_a_goal_is_reached_or_short_by_the_median(made: Figure, verdict: str) -> None:
    assert made.verdict == verdict


def test_ratios_are_those_of_the_rounds() -> None:
    made = figure((10.0, 30.0, 20.0), (5.0, 10.0, 10.0), wanted=2)
    assert made.ratios == [2.0, 3.0, 2.0]
    assert made.cells()[4] == "2 x (2 to 3)"


def test_rounds_that_differ_are_noisy() -> None:
    assert not figure((10.0, 14.0), (10.0, 10.0)).noisy
    assert figure((10.0, 16.0), (10.0, 10.0)).noisy
    assert figure((10.0, 10.0), (10.0, 16.0), wanted=1).cells()[-1].endswith("; noisy")


def test_pairs_are_measured_in_turn() -> None:
    order: list[str] = []
    numbers = iter(range(6))

    def measured(name: str) -> float:
        order.append(name)
        return float(next(numbers))

    assert paired(lambda: measured("a"), lambda: measured("b")) == ((0.0, 2.0, 4.0), (1.0, 3.0, 5.0))
    assert order == ["a", "b"] * 3


def test_the_table_is_markdown_with_a_row_a_figure() -> None:
    said: list[str] = []
    table = Table(say=said.append)
    table.add(figure((1234.0,), (2.0,), wanted=10))
    lines = table.markdown().splitlines()
    assert lines[2] == "| what | against | 1,234 /s | 2 /s | 617 x (617 to 617) | reached |"
    assert len(lines) == 3 and "reached" in said[0]
