"""Rows as text: a grid if it fits the terminal, else one field a line; tab-separated for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lakehouse.texts import harmless

Row = Mapping[str, Any]


def text(rows: Sequence[Row], width: int | None) -> str:
    """All rows under their column names.

    Args:
        rows: at least one, all with the same columns.
        width: columns of the terminal; None if it is no terminal.
    """
    names = [cell(name) for name in rows[0]]
    cells = [[cell(value) for value in row.values()] for row in rows]
    if width is None:
        return "\n".join("\t".join(line) for line in [names, *cells])
    widths = [max(map(_width, column)) for column in zip(names, *cells, strict=True)]
    if sum(widths) + 3 * len(widths) - 1 > width:
        return _records(names, cells)
    right = [all(_is_number(value) for value in column) for column in zip(*(row.values() for row in rows), strict=True)]
    return _grid(names, cells, widths, right)


def shown(rows: Sequence[Row]) -> str:
    """All rows, at least one, in the form for standard output: for a terminal of its width, or for a program."""
    import shutil
    import sys

    return text(rows, shutil.get_terminal_size().columns if sys.stdout.isatty() else None)


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
