"""`lakehouse upgrade`: moves stored state to the version of this code."""

from __future__ import annotations

import click

STOPPED = "Stopped. What was changed stays: `lakehouse upgrade` goes on."


@click.command()
def command() -> None:
    """Move what an older version has stored to the version of this code, and say each change. Make a backup before.

    It starts the servers that it needs. Run again, it finds nothing to change.
    """
    from lakehouse.settings import Settings
    from operations.runs import one_line_errors
    from operations.terminal import say
    from stack.state.upgrade import upgrade

    with one_line_errors():
        upgrade(Settings.load(), say)
