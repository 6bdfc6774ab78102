"""`lakehouse live`: makes the live state anew."""

from __future__ import annotations

import click

STOPPED = "Stopped. What was started goes on in Airflow, and can be stopped there."

DAG_ID = "rebuild_live"


@click.group()
def command() -> None:
    """The live state: what the API shows at /players/<player>."""


@command.command()
@click.option("--no-wait", is_flag=True, help="Return once the run is started.")
def rebuild(no_wait: bool) -> None:
    """Make the live state of all players anew from the event tables. It changes no table."""
    from lakehouse.settings import Settings
    from operations import runs
    from operations.terminal import say
    from stack.airflow_login import connect

    with runs.one_line_errors():
        runs.start(connect(Settings.load()), DAG_ID, {}, say, wait=not no_wait)
