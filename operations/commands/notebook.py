"""`lakehouse notebook`: the report in notebooks/, to work with or as a page."""

from __future__ import annotations

import click

STOPPED = "Stopped. An earlier page of the report, if there is one, is as it was."


@click.command()
@click.option("--page", is_flag=True, help="Execute all of the report, and write it as a page.")
def command(page: bool) -> None:
    """Open the report in JupyterLab, or write it as a page.

    JupyterLab listens on this machine alone, and prints the address with its token. The stack has to be up.
    """
    from lakehouse.settings import Settings, SettingsError
    from operations.terminal import say, waiting
    from stack.errors import StackError
    from stack.tools.notebook import become_jupyter, execute

    try:
        settings = Settings.load()
        if not page:
            become_jupyter(settings)
        with waiting("executing the report"):
            file = execute(settings)
    except (StackError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
    say(f"The report is in {file}")
