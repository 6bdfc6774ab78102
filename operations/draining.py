"""Brings all that is in Kafka at a moment into tables, by runs of ingest_events."""

from __future__ import annotations

from collections.abc import Callable

from lakehouse.clients.airflow import AirflowApi, AirflowError
from lakehouse.clients.kafka import admin, read_logs
from lakehouse.contract.load import load_contracts
from lakehouse.settings import Settings
from operations.completeness import reached
from operations.ingest_status import open_entry
from operations.runs import follow

RUNS = 20  # a run brings at most what ten minutes of draining read

Say = Callable[[str], None]


def drain_kafka(settings: Settings, api: AirflowApi, say: Say) -> None:
    """Starts ingest until all that Kafka held at the beginning is in closed entries.

    Raises:
        AirflowError: a run is red, or after many runs there is still something to ingest.
    """
    with admin(settings) as client:
        logs = read_logs(client, load_contracts(settings.contracts).topics)
    for _ in range(RUNS):
        done = reached(settings)
        left = sum(max(0, log.end - done.get(log.at, 0)) for log in logs)
        if not left and open_entry(settings) is None:
            say("all that waited in Kafka is in tables")
            return
        say(f"{left} offsets wait in Kafka: ingesting")
        run_id = api.trigger("ingest_events")
        outcome = follow(api, "ingest_events", run_id)
        if not outcome.good:
            words = "; ".join(line.strip() for line in outcome.errors[-2:])
            raise AirflowError(f"ingest_events is {outcome.state}: {words or 'see its tasks'}; {outcome.link}")
    raise AirflowError(f"after {RUNS} runs of ingest_events something still waits in Kafka; nothing was backed up")
