"""Figures: what was measured beside what, the ratio that was wanted, and a table of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

ROUNDS = 3
NOISE = 1.5  # two measurements of the same thing that differ more than this make a figure worthless


@dataclass(frozen=True)
class Figure:
    """Rounds of (ours, theirs) in `unit`, and the ratio ours / theirs that is wanted: at least `wanted`, or at most.

    `limit` is a bound for ours alone, in the unit; `theirs` may be empty if there is nothing to hold it against.
    """

    what: str
    against: str
    unit: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...] = ()
    wanted: float | None = None
    at_most: bool = False
    limit: float | None = None
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        return [a / b for a, b in zip(self.ours, self.theirs, strict=True)] if self.theirs else []

    @property
    def noisy(self) -> bool:
        """Whether equal measurements differ so much that the figure says little."""
        return any(len(each) > 1 and max(each) > NOISE * min(each) for each in (self.ours, self.theirs))

    @property
    def verdict(self) -> str:
        """«reached», or how far it is short; of a noisy figure too, with the spread beside it."""
        short = []
        if self.wanted is not None and self.ratios:
            got = statistics.median(self.ratios)
            if got > self.wanted if self.at_most else got < self.wanted:
                short.append(
                    f"short: {got:.2g} x, wanted {'at most' if self.at_most else 'at least'} {self.wanted:g} x"
                )
        if self.limit is not None:
            got = statistics.median(self.ours)
            if got > self.limit:
                short.append(f"short: {got:.3g} {self.unit}, wanted at most {self.limit:g}")
        if self.wanted is None and self.limit is None:
            return "no goal"
        return "; ".join(short) or "reached"

    def cells(self) -> tuple[str, ...]:
        """What, against, ours, theirs, ratio with its spread, verdict."""
        ratio = ""
        if self.ratios:
            ratio = f"{statistics.median(self.ratios):.3g} x ({min(self.ratios):.3g} to {max(self.ratios):.3g})"
        return (
            self.what,
            self.against,
            _number(self.ours, self.unit),
            _number(self.theirs, self.unit),
            ratio,
            self.verdict + ("; noisy" if self.noisy else "") + (f" ({self.note})" if self.note else ""),
        )


@dataclass
class Table:
    """The figures of one run, in the order in which they were measured."""

    figures: list[Figure] = field(default_factory=list)
    say: Callable[[str], None] = print

    def add(self, figure: Figure) -> None:
        self.figures.append(figure)
        self.say(" | ".join(cell for cell in figure.cells() if cell))

    def markdown(self) -> str:
        head = ("what", "against", "ours", "theirs", "ratio: median (least to most)", "")
        rows = [head, ("---",) * len(head), *[figure.cells() for figure in self.figures]]
        return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def paired(
    ours: Callable[[], float], theirs: Callable[[], float], rounds: int = ROUNDS
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Measures the two in turn, so that a machine that slows down slows both."""
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return tuple(a for a, _ in pairs), tuple(b for _, b in pairs)


def _number(values: Sequence[float], unit: str) -> str:
    if not values:
        return ""
    middle = statistics.median(values)
    return f"{middle:,.0f} {unit}" if middle >= 100 else f"{middle:.3g} {unit}"
