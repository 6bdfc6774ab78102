"""`lakehouse fetch`: fetches the servers' jars, without starting anything."""

from __future__ import annotations

import click

STOPPED = "Stopped. What was fetched is kept: `lakehouse fetch` goes on."


@click.command()
def command() -> None:
    """Fetch the servers' jars into .servers/, if they are not there."""
    from lakehouse.settings import Settings, SettingsError
    from stack.downloads import fetch
    from stack.errors import StackError

    try:
        fetch(Settings.load().servers.absolute(), click.echo)
    except (StackError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
