"""`lakehouse bootstrap`: makes what the servers need, on servers that run already."""

from __future__ import annotations

from collections.abc import Callable

import click

STOPPED = "Stopped. What is made is made: `lakehouse bootstrap` goes on."


@click.command()
def command() -> None:
    """Make topics, tables, views and Airflow's pool on running servers (a cluster)."""
    import os

    from lakehouse.settings import Settings
    from operations.runs import one_line_errors
    from operations.terminal import waiting
    from stack import bootstrap

    with one_line_errors():
        settings = Settings.load()
        steps: dict[str, Callable[[], object]] = {
            "topics": lambda: bootstrap.make_topics(settings),
            "tables, in Spark": lambda: bootstrap.make_tables(settings, os.environ),
            "views": lambda: bootstrap.make_views(settings),
            "Airflow's pool, waiting until its DAGs are read": lambda: bootstrap.prepare_airflow(settings),
        }
        for what, make in steps.items():
            click.echo(f"making {what} ...")
            with waiting(what):
                make()
