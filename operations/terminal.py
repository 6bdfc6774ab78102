"""Prints data as harmless text: no markup, no emoji codes, no control characters for the terminal."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from lakehouse.texts import harmless

if TYPE_CHECKING:
    from rich.table import Table


def say(text: object) -> None:
    """Prints one line that may hold texts of others."""
    click.echo(harmless(text))


def print_table(table: Table, width: int | None = None) -> None:
    """Prints it, on a console that takes no text for markup. The cells hold harmless texts (`operations.grid.cell`)."""
    from rich.console import Console

    Console(width=width, markup=False, emoji=False, highlight=False).print(table)


def print_json(value: Any) -> None:
    """Prints it for programs: ASCII, times in ISO 8601, bytes in hex.

    Numbers that JSON lacks, such as NaN, become texts.
    """
    click.echo(json.dumps(_plain(value), indent=1, allow_nan=False))


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
        case bytes():
            return value.hex()
        case dt.date() | dt.time():
            return value.isoformat()
        case Mapping():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
    return str(value)
