"""`lakehouse demo`: sends events through everything and compares the answers."""

from __future__ import annotations

import click

STOPPED = "Stopped. The servers stay up, and what was sent stays sent: `lakehouse demo` begins anew, `lakehouse down` stops them."


@click.command()
@click.option("--running", is_flag=True, help="The servers run already (in containers, or elsewhere): start none.")
def command(running: bool) -> None:
    """Start the stack if needed, send events, ingest them through Airflow, and compare Trino's answers with them."""
    from lakehouse.clients.airflow import AirflowApi, AirflowError
    from lakehouse.clients.trino import QueryError
    from lakehouse.settings import Settings, SettingsError
    from stack.control import up
    from stack.environment import AIRFLOW_USER, airflow_password
    from stack.errors import StackError
    from stack.loads.demo import DemoError, demo
    from stack.loads.documents import LoadError

    try:
        settings = Settings.load()
        if not running:
            up(settings, click.echo)
        password = airflow_password(settings.state)
        lines = demo(settings, AirflowApi(settings.airflow_url, AIRFLOW_USER, password), click.echo)
    except (SettingsError, StackError, AirflowError, DemoError, LoadError, QueryError) as error:
        raise click.ClickException(str(error)) from error

    from rich.table import Table

    from operations.grid import cell
    from operations.terminal import print_table

    table = Table("Question", "Group", title="Trino's answers beside what was sent")
    for name in ("before", "sent", "expected", "Trino"):
        table.add_column(name, justify="right")
    table.add_column("")
    last = ""
    for line in lines:
        title = line.question if line.question != last else ""
        last = line.question
        numbers = [f"{number:,}" for number in (line.before, line.sent, line.before + line.sent, line.answer)]
        table.add_row(title, cell(line.group), *numbers, "equal" if line.equal else "DIFFERS")
    print_table(table, width=110)
    click.echo(f"Airflow        {settings.airflow_page_url}  (login {AIRFLOW_USER} / {password})")
    click.echo(f"Quality pages  {settings.airflow_page_url}/quality/  (same login)")
    click.echo(f"Trino          {settings.trino_page_url}  (any user name, no password)")
    click.echo(f"API            {settings.api_page_url}/docs")
    wrong = [line for line in lines if not line.equal]
    if wrong:
        raise click.ClickException(f"{len(wrong)} of {len(lines)} answers differ from what was sent")
    click.echo(f"All {len(lines)} answers are equal to what was sent.")
