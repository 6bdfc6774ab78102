"""`lakehouse status`: shows the local stack."""

from __future__ import annotations

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(as_json: bool) -> None:
    """Show what is up, where, with which login, and its memory."""
    from lakehouse.settings import Settings, SettingsError
    from operations.terminal import print_json, say
    from stack.errors import StackError
    from stack.status import status

    try:
        found = status(Settings.load())
    except (StackError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        print_json(found.as_json())
        return
    click.echo(f"{'service':<23}{'state':<10}{'memory':>8}  address")
    for line in found.services:
        login = f"  (login: {line.login})" if line.login else ""
        say(f"{line.service:<23}{line.state:<10}{line.memory_mb:>5} MB  {line.address}{login}")
    say(f"{'all':<33}{found.memory_mb:>5} MB  state and logs in {found.state_folder}")
    say(f"Java 17, of all servers but Trino: {found.java['servers']}")
    say(f"Java 25, of Trino: {found.java['trino']}")
