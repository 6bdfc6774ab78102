"""`lakehouse dbt`: what a game studio asks, as the tables of dbt/, built and tested in Trino's memory."""

from __future__ import annotations

import click

STOPPED = "Stopped before dbt began; its tables are as they were."


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Build and test the tables of dbt/ in Trino's catalog memory.

    ARGUMENTS are dbt's own, such as `test` or `show --select top_items`; without any it is `build`. The stack has to be
    up. The exit status is dbt's.
    """
    from lakehouse.settings import Settings, SettingsError
    from stack.errors import StackError
    from stack.tools.dbt import become_dbt

    try:
        become_dbt(Settings.load(), arguments or ("build",))
    except (StackError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
