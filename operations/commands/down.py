"""`lakehouse down`: stops the local stack."""

from __future__ import annotations

import click

STOPPED = "Stopped. Some servers may still run: `lakehouse down` goes on."


@click.command()
def command() -> None:
    """Stop the stack; its data stay."""
    from lakehouse.settings import Settings, SettingsError
    from stack.control import down
    from stack.errors import StackError

    try:
        down(Settings.load(), click.echo)
    except (StackError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
