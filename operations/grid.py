"""Rows as text: a grid if it fits the terminal, else one field a line; tab-separated for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lakehouse.texts import harmless


def text(columns: Sequence[str], rows: Sequence[Sequence[Any]], width: int | None) -> str:
    """All rows, of which each has a value a column, under the columns' names.

    Args:
        width: columns of the terminal; None if it may be as wide as it is.
    """
    names = [cell(name) for name in columns]
    cells = [[cell(value) for value in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(names, *cells, strict=True)]
    if width is not None and sum(widths) + 3 * len(widths) - 1 > width:
        return _records(names, cells)
    right = [all(_is_number(value) for value in column) for column in zip(*rows, strict=True)]
    return _grid(names, cells, widths, right)


def tabbed(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """The same for programs: the names, then the rows, with tabs between the values."""
    return "\n".join("\t".join(cell(value) for value in line) for line in [columns, *rows])


def shown(rows: Sequence[Mapping[str, Any]]) -> str:
    """All rows, at least one, for whoever reads the standard output."""
    columns, values, width = list(rows[0]), [list(row.values()) for row in rows], terminal_width()
    return tabbed(columns, values) if width is None else text(columns, values, width)


def terminal_width() -> int | None:
    """Columns of the terminal that shows the standard output; None: a program reads it."""
    import shutil
    import sys

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def cell(value: Any) -> str:
    """One value on one line; empty for null."""
    return "" if value is None else harmless(value)


def _grid(names: list[str], cells: list[list[str]], widths: list[int], right: list[bool]) -> str:
    def line(values: list[str], aligned: list[bool]) -> str:
        padded = (
            " " * (width - _width(value)) + value if to_right else value + " " * (width - _width(value))
            for value, width, to_right in zip(values, widths, aligned, strict=True)
        )
        return (" " + " | ".join(padded)).rstrip()

    rule = "-" + "-+-".join("-" * width for width in widths) + "-"
    return "\n".join([line(names, [False] * len(names)), rule, *(line(values, right) for values in cells)])


def _records(names: list[str], cells: list[list[str]]) -> str:
    longest = max(map(_width, names))
    lines = []
    for number, values in enumerate(cells, start=1):
        lines.append(f"-- row {number} --")
        for name, value in zip(names, values, strict=True):
            lines.append(f"{name}{' ' * (longest - _width(name))} | {value}".rstrip())
    return "\n".join(lines)


def _is_number(value: Any) -> bool:
    from decimal import Decimal

    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))


def _width(value: str) -> int:
    from rich.cells import cell_len

    return cell_len(value)
