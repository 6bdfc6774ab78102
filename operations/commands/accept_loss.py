"""`lakehouse accept-loss`: shows what Kafka lost, and records that ingest goes on without it."""

from __future__ import annotations

import click

STOPPED = "Stopped. What was started goes on in Airflow, and can be stopped there."


@click.command()
@click.option(
    "--why", required=True, help="How it came to the loss, and why it is accepted; recorded with the Airflow login."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--no-wait", is_flag=True, help="Return once the run is started.")
def command(why: str, yes: bool, no_wait: bool) -> None:
    """Show which offsets Kafka no longer holds, and record that they are given up, so that ingest goes on."""
    from lakehouse.ledger.losses import as_expected
    from lakehouse.settings import Settings
    from operations.losses import discrepancies
    from operations.runs import check_why, one_line_errors, start
    from operations.terminal import say, waiting
    from stack.airflow_login import connect

    why = check_why(why)
    with one_line_errors():
        settings = Settings.load()
        with waiting("comparing Kafka with the ledger"):
            found = discrepancies(settings)
        if not found:
            click.echo("Kafka holds all that the ledger expects; there is no loss to accept.")
            return
        for each in found:
            say(each.sentence)
        expected = as_expected(found)
        say(f"would be recorded as lost: {expected}")
        if not yes:
            click.confirm("Give these up for ever?", abort=True)
        start(connect(settings), "accept_loss", {"why": why, "expected": expected}, say, wait=not no_wait)
