"""`lakehouse sql`: asks Trino one question."""

from __future__ import annotations

import click


@click.command()
@click.argument("statement")
def command(statement: str) -> None:
    """Run one STATEMENT in Trino and print its rows."""
    from rich.console import Console
    from rich.table import Table

    from lakehouse.query import QueryError, query
    from lakehouse.settings import Settings, SettingsError

    try:
        rows = query(Settings.load(), statement.rstrip().removesuffix(";"))
    except (QueryError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
    if not rows:
        click.echo("no rows")
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*["" if value is None else str(value) for value in row.values()])
    Console().print(table)
