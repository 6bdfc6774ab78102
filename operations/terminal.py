"""Prints data as harmless text: no markup, no emoji codes, no control characters for the terminal."""

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
    from rich.progress import Progress, ProgressColumn
    from rich.table import Table

SILENT_SECONDS = 2.0  # what takes longer says what it is at


def say(text: object) -> None:
    """Prints one line that may hold texts of others."""
    click.echo(harmless(text))


def say_colored(*parts: tuple[str, str | None]) -> None:
    """One line of texts, each with a colour or none: where a terminal shows it, and NO_COLOR is not set."""
    import os

    plain_only = bool(os.environ.get("NO_COLOR"))
    click.echo(
        "".join(
            harmless(text) if plain_only or not color else click.style(harmless(text), fg=color)
            for text, color in parts
        )
    )


def warn(text: object) -> None:
    """The same, beside what the command prints for programs: on the standard error output."""
    click.echo(harmless(text), err=True)


def somebody_types() -> bool:
    """Whether the standard input is a terminal, and no file or program."""
    import sys

    return sys.stdin is not None and sys.stdin.isatty()


def print_table(table: Table, width: int | None = None) -> None:
    """Prints it, on a console that takes no text for markup. The cells hold harmless texts (`operations.grid.cell`)."""
    from rich.console import Console

    Console(width=width, markup=False, emoji=False, highlight=False).print(table)


@contextmanager
def bar(total: float | None) -> Iterator[Callable[[float, str], None]]:
    """A line on the terminal, if there is one, that is gone at the end; the function given tells how far it is, in words too.

    Args:
        total: what is the whole; None if there is no end.
    """
    from rich.progress import BarColumn, TextColumn

    progress = _line_at_the_end(BarColumn(bar_width=24), TextColumn("{task.description}", markup=False))
    if progress is None:
        yield lambda done, text: None
        return
    with progress:
        task = progress.add_task("", total=total)
        yield lambda done, text: progress.update(task, completed=done, description=harmless(text))


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Says on the terminal, if there is one and it takes longer, what is waited for and how long it took so far."""
    from threading import Timer

    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    progress = _line_at_the_end(SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    if progress is None:
        yield
        return
    progress.add_task(what, total=None)
    timer = Timer(SILENT_SECONDS, progress.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        progress.stop()


def _line_at_the_end(*columns: ProgressColumn) -> Progress | None:
    """A line that is written anew again and again; none where nobody would see it. What is printed stays as it is."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    if not console.is_interactive:
        return None
    return Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)


def print_json(value: Any) -> None:
    """Prints it for programs, see `as_json`."""
    click.echo(as_json(value))


def as_json(value: Any, indent: int | None = 1) -> str:
    """ASCII, times in ISO 8601, bytes in hex; numbers that JSON has not (NaN) as texts."""
    return json.dumps(plain(value), indent=indent, allow_nan=False)


def plain(value: Any) -> Any:
    """The value as JSON has it."""
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
            return {str(key): plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
    return str(value)
