"""`lakehouse sql`: runs one statement in Trino."""

from __future__ import annotations

import click


@click.command()
@click.argument("statement")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(statement: str, as_json: bool) -> None:
    """Run one STATEMENT in Trino and print its rows, tab-separated if not to a terminal."""
    from lakehouse.clients.trino import QueryError, query
    from lakehouse.settings import Settings, SettingsError
    from operations.grid import shown
    from operations.terminal import print_json

    try:
        rows = query(Settings.load(), statement.rstrip().removesuffix(";"))
    except (QueryError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo("no rows")
    else:
        click.echo(shown(rows))
