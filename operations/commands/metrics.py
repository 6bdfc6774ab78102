"""`lakehouse metrics`: serves what Prometheus asks of the pipeline."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """Serve metrics of the pipeline for Prometheus, until Ctrl-C.

    On the local stack this runs as a service. Trino and Kafka are asked when somebody scrapes, at most every 15 seconds.
    """
    from prometheus_client import CollectorRegistry, start_http_server

    from lakehouse.settings import Settings
    from operations.metrics import exporter
    from operations.runs import one_line_errors

    with one_line_errors():
        settings = Settings.load()
    registry = CollectorRegistry()
    registry.register(exporter(settings))
    try:
        _, thread = start_http_server(settings.metrics_port, settings.bind, registry)
    except OSError as error:
        raise click.ClickException(
            f"port {settings.metrics_port} cannot be used ({error.strerror}); set LAKEHOUSE_METRICS_PORT"
        ) from error
    click.echo(f"metrics at {settings.metrics_url}/metrics")
    thread.join()
