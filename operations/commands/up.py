"""`lakehouse up`: starts the local stack."""

from __future__ import annotations

import click

STOPPED = "Stopped. What runs stays up: `lakehouse up` goes on, `lakehouse down` stops it."


@click.command()
def command() -> None:
    """Start the stack, or what is missing of it."""
    from lakehouse.settings import Settings, SettingsError
    from stack.control import up
    from stack.errors import StackError

    try:
        up(Settings.load(), click.echo)
    except (StackError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
