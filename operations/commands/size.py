"""`lakehouse size`: computes what a rate of events needs, and what breaks first."""

from __future__ import annotations

import click


@click.command()
@click.option(
    "--events-per-second",
    "rate",
    type=click.IntRange(1, 100_000_000),
    required=True,
    help="How many come, on average over the busiest hour.",
)
@click.option("--event-bytes", type=click.IntRange(min=1), help="Of a message's value in Kafka; else as measured.")
@click.option(
    "--retention-days",
    type=click.IntRange(1, 36_500),
    default=365,
    show_default=True,
    help="How many days of tables to count, for nothing deletes rows by their age; of Kafka a week is counted.",
)
@click.option(
    "--replication", type=click.IntRange(1, 10), default=3, show_default=True, help="Copies of all, in Kafka and HDFS."
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(rate: int, event_bytes: int | None, retention_days: int, replication: int, as_json: bool) -> None:
    """Compute what so many events a second need, and what breaks first.

    From costs that were measured on two cores (benchmarks/results.md). Of this deployment it knows the settings (interval,
    partitions, size of a batch, hours until vacuum, the NameNode's heap) and the contracts (topics, event types); cores,
    brokers and DataNodes are those of the local stack. Settings are those that `make up` and containers would have from
    here: a run each minute, unless LAKEHOUSE_INGEST_EVERY_MINUTES is set. It asks no server. docs/scale.md says how, and
    what was never run.
    """
    from lakehouse.contract.load import load_contracts
    from lakehouse.settings import Settings
    from operations.grid import terminal_width
    from operations.runs import one_line_errors
    from operations.size_report import as_json as for_programs
    from operations.size_report import report
    from operations.sizing import Costs, Deployment, Load, Sizing
    from operations.terminal import print_json
    from stack.environment import local_settings

    with one_line_errors():
        settings = local_settings(Settings.load())
        here = Deployment.of(settings, load_contracts(settings.contracts))
    if event_bytes is not None and event_bytes > settings.max_event_bytes:
        raise click.BadParameter(
            f"{event_bytes:,} is more than an event may have, {settings.max_event_bytes:,} (LAKEHOUSE_MAX_EVENT_BYTES)",
            param_hint="'--event-bytes'",
        )
    load = Load(rate, event_bytes or round(Costs().value_bytes), retention_days, replication)
    sizing = Sizing(load, here)
    if as_json:
        print_json(for_programs(sizing))
    else:
        click.echo(report(sizing, terminal_width()))
