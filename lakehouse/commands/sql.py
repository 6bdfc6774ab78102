"""`lakehouse sql`: asks Trino one question."""

from __future__ import annotations

import click


@click.command()
@click.argument("statement")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(statement: str, as_json: bool) -> None:
    """Run one STATEMENT in Trino and print its rows, tab-separated if not to a terminal."""
    import shutil
    import sys

    from lakehouse.grid import text
    from lakehouse.query import QueryError, query
    from lakehouse.settings import Settings, SettingsError
    from lakehouse.terminal import print_json

    try:
        rows = query(Settings.load(), statement.rstrip().removesuffix(";"))
    except (QueryError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo("no rows")
    else:
        click.echo(text(rows, shutil.get_terminal_size().columns if sys.stdout.isatty() else None))
