"""`lakehouse sql`: asks Trino, and prints its answers."""

from __future__ import annotations

from typing import IO

import click

_ENCODING = "utf-8-sig"  # UTF-8; the mark that some editors put before it is no part of the text
STOPPED = "Stopped; the statement is cancelled in Trino. Nothing was changed."


@click.command()
@click.argument("statement", required=False)
@click.option("--file", "-f", type=click.File(encoding=_ENCODING), help="Read the statements of this file.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    help="Else a table on a terminal, and tab-separated values for a program.",
)
def command(statement: str | None, file: IO[str] | None, form: str | None) -> None:
    """Ask Trino, and print its answers.

    Runs STATEMENT, or all statements of a file or of the standard input. Several are separated by semicolons, and
    end with the first that fails. A table that is wider than the terminal is shown
    one field a line. Without statements, on a terminal, Trino's own client is opened.
    """
    from lakehouse.clients.trino import QueryError, Session
    from lakehouse.settings import Settings, SettingsError
    from operations import grid
    from operations.answers import Format, text
    from operations.statements import StatementError, statements
    from operations.terminal import somebody_types, waiting
    from stack.errors import StackError
    from stack.tools.trino_client import become_client

    if statement is not None and file is not None:
        raise click.UsageError("give a statement or a file, not both")
    try:
        settings = Settings.load()
        if statement is None and file is None and somebody_types():
            become_client(settings)
        given = statement if statement is not None else _read(file)
        asked = statements(given)
        if not asked:
            raise click.UsageError("there is no statement in what was given")
        with Session(settings) as session:
            for number, each in enumerate(asked, start=1):
                try:
                    with waiting("asking Trino"):
                        answer = session.ask(each.text)
                except QueryError as error:
                    where = f"statement {number} (line {each.line}): " if len(asked) > 1 else ""
                    raise click.ClickException(where + " ".join(str(error).split())) from error
                if number > 1 and form != "json":
                    click.echo()
                click.echo(text(answer, Format(form) if form else None, grid.terminal_width()))
    except (StatementError, StackError, SettingsError) as error:
        raise click.ClickException(str(error)) from error


def _read(file: IO[str] | None) -> str:
    """All of the file, or of the standard input, which may be closed."""
    import sys

    if file is None and sys.stdin is None:
        return ""
    try:
        return (file or click.open_file("-", encoding=_ENCODING)).read()
    except UnicodeDecodeError as error:
        raise click.ClickException(f"what was given is not in UTF-8: byte {error.start} of it is wrong") from None
