"""`lakehouse pyspark`: PySpark on the warm Spark of the stack."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("program", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(program: Path | None) -> None:
    """Open a PySpark shell, or run a PROGRAM, on the Spark that the jobs use.

    The shell has a session `spark`; a program takes one with `SparkSession.builder.getOrCreate()`. Read tables by name, such as
    spark.table("game.sword_purchases"). Only jobs may write to tables: what somebody writes by hand is in no ledger entry.
    """
    from lakehouse.settings import Settings, SettingsError
    from stack.errors import StackError
    from stack.tools.spark_shell import become_shell

    try:
        become_shell(Settings.load(), program)
    except (StackError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
