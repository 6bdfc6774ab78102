"""Prints what the lakehouse holds as harmless text: no markup, no emoji codes, nothing that a terminal would obey."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from lakehouse.texts import harmless

if TYPE_CHECKING:
    from rich.table import Table


def say(text: object) -> None:
    """Prints one line that may hold what somebody else wrote."""
    click.echo(harmless(text))


def warn(text: object) -> None:
    """The same, beside what the command prints for programs: on the standard error output."""
    click.echo(harmless(text), err=True)


def cell(value: object) -> Any:
    """A value for a table of Rich, which would take a plain text for markup."""
    from rich.text import Text

    return Text(harmless(value))


def print_table(table: Table, width: int | None = None) -> None:
    """Prints it, on a console that adds nothing to what stands in the cells."""
    from rich.console import Console

    Console(width=width, markup=False, emoji=False, highlight=False).print(table)


@contextmanager
def bar(total: float | None) -> Iterator[Callable[[float, str], None]]:
    """A line on the terminal, if there is one, that is gone at the end; the function given tells how far it is, in words too.

    Args:
        total: what is the whole; None if there is no end.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.text import Text

    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    words = TextColumn("{task.description}", markup=False)
    if not console.is_terminal:
        yield lambda done, text: None
        return
    with Progress(BarColumn(), words, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda done, text: progress.update(task, completed=done, description=Text(harmless(text)).plain)


def print_json(value: Any) -> None:
    """Prints it for programs: ASCII, times in ISO 8601, bytes in hex; numbers that JSON has not (NaN) as texts."""
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
