"""`lakehouse metastore`: makes the metastore anew."""

from __future__ import annotations

import click

STOPPED = "Stopped. `lakehouse metastore rebuild` goes on; until then tables may be missing in Trino."


@click.group()
def command() -> None:
    """The Hive metastore: which tables there are, and where."""


@command.command()
def rebuild() -> None:
    """Make the metastore of this machine anew from the Delta logs in HDFS. It changes no table."""
    from lakehouse.settings import Settings
    from operations.runs import one_line_errors
    from operations.terminal import say
    from stack.state.metastore import rebuild as make_anew

    with one_line_errors():
        make_anew(Settings.load(), say)
