"""How long a run of ingest_events takes in Airflow, from the trigger to what Trino sees."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figures import Figure, Table
from benchmarks.spark_jobs import JOB_SECONDS, count
from benchmarks.stack import fill
from lakehouse.airflow_api import AirflowApi, connect
from lakehouse.query import query
from lakehouse.settings import CHECKOUT, Settings
from lakehouse.stack.environment import job_environment

ROWS = 10_000
ROUNDS = 3
RUN_SECONDS = 600


def measure(settings: Settings, table: Table) -> None:
    """Adds the figures of runs with 10,000 events and with none, beside the same jobs by a cold spark-submit each."""
    airflow = connect(settings)
    run(airflow)  # whatever waits; not counted
    warm, cold, empty = [], [], []
    for _ in range(ROUNDS):
        warm.append(until_visible(settings, airflow))
        empty.append(run(airflow))
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


def until_visible(settings: Settings, airflow: AirflowApi) -> float:
    """Seconds from the trigger until Trino counts all of the new events."""
    before = count(settings, "game.horse_purchases")
    fill(settings, ROWS)
    began = time.monotonic()
    run_id = airflow.trigger("ingest_events")
    wanted = before + ROWS
    while True:
        (row,) = query(settings, "select count(*) as n from game.horse_purchases")
        if row["n"] >= wanted:
            break
        if time.monotonic() - began > RUN_SECONDS:
            raise RuntimeError(f"the events of {run_id} are not visible after {RUN_SECONDS} s")
        time.sleep(0.5)
    seconds = time.monotonic() - began
    ended(airflow, run_id)
    return seconds


def run(airflow: AirflowApi) -> float:
    """Seconds of one run, from its trigger to its end."""
    began = time.monotonic()
    ended(airflow, airflow.trigger("ingest_events"))
    return time.monotonic() - began


def ended(airflow: AirflowApi, run_id: str) -> None:
    """Waits for the end of a run, which must be good."""
    until = time.monotonic() + RUN_SECONDS
    while (state := airflow.run_state("ingest_events", run_id)) not in ("success", "failed"):
        if time.monotonic() > until:
            raise RuntimeError(f"{run_id} did not end")
        time.sleep(0.2)
    if state == "failed":
        raise RuntimeError(f"{run_id} failed")


def cold_seconds(settings: Settings, job: str) -> float:
    """Seconds of a job by spark-submit, with a Spark of its own."""
    environment = job_environment(settings)
    environment.pop("LAKEHOUSE_SPARK_REMOTE")
    submit = str(Path(sys.prefix) / "bin" / "spark-submit")
    command = [submit, "--master", "local[2]", str(CHECKOUT / "jobs" / f"{job}.py"), "--run", "bench"]
    began = time.monotonic()
    subprocess.run(command, env=environment, cwd=CHECKOUT, timeout=JOB_SECONDS, check=True, capture_output=True)
    return time.monotonic() - began
