"""An answer of Trino as text, for people and for programs."""

from __future__ import annotations

import csv
import io
from enum import StrEnum
from typing import Any

from lakehouse.clients.trino import Answer
from operations import grid
from operations.terminal import as_json, plain


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"  # a grid; one field a line where a row is wider than the terminal
    CSV = "csv"  # RFC 4180 but for the ends of lines, with the names of the columns
    JSON = "json"  # a list of objects


def text(answer: Answer, form: Format | None, width: int | None) -> str:
    """The answer, without an end of line.

    Args:
        form: None for a table on a terminal and tab-separated values for a program.
        width: columns of the terminal; None if a program reads it.
    """
    match form:
        case Format.JSON:
            return as_json([dict(zip(_unique(answer.columns), row, strict=True)) for row in answer.rows])
        case Format.CSV:
            return _csv(answer, harmless_cells=width is not None)
    if not answer.rows:
        return "no rows" if answer.columns else "done"
    if form is None and width is None:
        return grid.tabbed(answer.columns, answer.rows)
    return grid.text(answer.columns, answer.rows, width)


def _csv(answer: Answer, harmless_cells: bool) -> str:
    """Null is an empty field, bytes are hex, what holds values (arrays, maps) is JSON.

    A program gets texts as they are; on a terminal their control characters are written out.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in [answer.columns, *answer.rows] if answer.columns else []:
        cells = [_field(value) for value in row]
        writer.writerow([grid.cell(each) for each in cells] if harmless_cells else cells)
    return out.getvalue().removesuffix("\n")


def _field(value: Any) -> str:
    if value is None:
        return ""
    value = plain(value)
    if isinstance(value, str):
        return value
    return as_json(value, indent=None)


def _unique(names: list[str]) -> list[str]:
    """Names that are there again get a number, since an object has each once."""
    found: list[str] = []
    for name in names:
        number, new = 1, name
        while new in found:
            number += 1
            new = f"{name}_{number}"
        found.append(new)
    return found
