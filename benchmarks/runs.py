"""How long a run of ingest_events takes in Airflow, from the trigger to what Trino sees."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks.figures import ROUNDS, Figure, Table
from benchmarks.spark_jobs import count, seconds_of
from benchmarks.stack import fill
from lakehouse.clients.airflow import AirflowApi
from lakehouse.settings import CHECKOUT, Settings
from operations.runs import follow
from stack.airflow_login import connect
from stack.environment import job_environment
from stack.loads.demo import ingest

ROWS = 10_000
TABLE = "game.horse_purchases"
RUN_SECONDS = 600
WARM_UP = 5  # runs that are not counted: a warm Spark is one that has done this before


def measure(settings: Settings, table: Table) -> None:
    """Adds the figures of runs with 10,000 events and with none, beside the same jobs by a cold spark-submit each."""
    airflow = connect(settings)
    warm_up(settings, airflow, ROWS)
    warm, cold, empty = [], [], []
    for _ in range(ROUNDS):
        warm.append(until_visible(settings, airflow))
        empty.append(ingest(airflow, lambda _: None))
        fill(settings, ROWS)
        cold.append(sum(cold_seconds(settings, job) for job in ("drain", "publish")))
    against = "drain and publish, a cold spark-submit local[2] each"
    table.add(
        Figure(
            f"ingest_events, trigger to visible in Trino, {ROWS:,} events",
            against,
            "s",
            tuple(warm),
            tuple(cold),
            wanted=0.3,
            at_most=True,
            limit=20,
        )
    )
    table.add(Figure("an empty ingest_events, trigger to its end", "", "s", tuple(empty), limit=5))


def warm_up(settings: Settings, airflow: AirflowApi, events: int) -> None:
    """Ingests so many events WARM_UP times, and whatever waits."""
    for _ in range(WARM_UP):
        fill(settings, events)
        ingest(airflow, lambda _: None)


def until_visible(settings: Settings, airflow: AirflowApi) -> float:
    """Seconds from the trigger until Trino counts all of the new events."""
    wanted = count(settings, TABLE) + ROWS
    fill(settings, ROWS)
    began = time.monotonic()
    run_id = airflow.trigger("ingest_events")
    while count(settings, TABLE) < wanted:
        if time.monotonic() - began > RUN_SECONDS:
            raise RuntimeError(f"the events of {run_id} are not visible after {RUN_SECONDS} s")
        time.sleep(0.5)
    seconds = time.monotonic() - began
    outcome = follow(airflow, "ingest_events", run_id)
    if not outcome.good:
        raise RuntimeError(f"{run_id} {outcome.state}: {' '.join(outcome.errors)}")
    return seconds


def cold_seconds(settings: Settings, job: str) -> float:
    """Seconds of a job by spark-submit, with a Spark of its own."""
    environment = job_environment(settings)
    environment.pop("LAKEHOUSE_SPARK_REMOTE")
    submit = str(Path(sys.prefix) / "bin" / "spark-submit")
    command = [submit, "--master", "local[2]", str(CHECKOUT / "jobs" / f"{job}.py"), "--run", "bench"]
    return seconds_of(command, environment)
