"""`lakehouse bootstrap`: makes what the servers need, on servers that run already."""

from __future__ import annotations

import click

STOPPED = "Stopped. What is made is made: `lakehouse bootstrap` goes on."


@click.command()
def command() -> None:
    """Make topics, tables, views and Airflow's pool on running servers (a cluster, or compose)."""
    import os

    from lakehouse.settings import Settings
    from operations.runs import one_line_errors
    from stack import bootstrap
    from stack.errors import StackError

    try:
        with one_line_errors():
            settings = Settings.load()
            click.echo("making topics ...")
            bootstrap.make_topics(settings)
            click.echo("making tables, in Spark ...")
            bootstrap.make_tables(settings, os.environ)
            click.echo("making views ...")
            bootstrap.make_views(settings)
            click.echo("making Airflow's pool, waiting until its DAGs are read ...")
            bootstrap.prepare_airflow(settings)
    except StackError as error:
        raise click.ClickException(str(error)) from error
