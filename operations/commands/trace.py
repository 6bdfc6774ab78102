"""`lakehouse trace`: says where an event is, why, and through which entry of the ledger."""

from __future__ import annotations

import click


@click.command()
@click.argument("event_id")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(event_id: str, as_json: bool) -> None:
    """Say where EVENT_ID is, why, and through which ledger entry."""
    from lakehouse.clients.trino import QueryError
    from lakehouse.contract.load import load_contracts
    from lakehouse.contract.model import ContractError
    from lakehouse.settings import Settings, SettingsError
    from operations.terminal import print_json, say, waiting
    from operations.tracing import trace

    try:
        settings = Settings.load()
        with waiting("asking Trino"):
            found = trace(settings, load_contracts(settings.contracts), event_id)
    except (SettingsError, ContractError, QueryError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        print_json([arrival.as_json() for arrival in found])
    else:
        for sentence in [arrival.sentence() for arrival in found] or [_unseen(event_id)]:
            say(sentence)
    if not found:
        raise SystemExit(1)


def _unseen(event_id: str) -> str:
    return (
        f"{event_id}: not in the lakehouse. Either no API acknowledged it, or it still waits in Kafka for the next run of "
        "ingest_events, or its player was erased (ops.erasures), or Kafka lost it and somebody accepted that (ops.losses)."
    )
