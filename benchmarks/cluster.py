"""`python -m benchmarks.cluster`: what distribution costs: the same work on the cluster and on the single containers.

Both are on one machine, so this is the price of two more copies and of work on other hosts, and never a gain of speed. Each
stack is started empty by `make`, from its image, and removed. Keeps its table in benchmarks/results.md. Needs a container
engine, `ab` (apache2-utils), and the ports of docker/compose.yaml.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import psutil

from benchmarks import containers
from benchmarks.__main__ import RESULTS, with_section
from benchmarks.api import BATCH, BATCH_CONNECTIONS, SWORD
from benchmarks.figures import ROUNDS, Figure, Table
from benchmarks.loads import CONNECTIONS, apache_bench, batch_body
from benchmarks.runs import ROWS, TABLE, WARM_UP
from benchmarks.spark_jobs import count
from lakehouse.clients.airflow import AirflowApi
from lakehouse.clients.trino import query
from lakehouse.settings import CHECKOUT, Settings
from operations.runs import follow
from stack.environment import AIRFLOW_USER
from stack.loads.demo import ingest

TITLE = "The last price of distribution"
PROJECT = "lakehouse-measured"
START_SECONDS, REST_SECONDS = 1_800, 30
SINGLES, BATCHES = 10_000, 100
QUERIES = 20
QUESTION = f"select size, count(*), avg(speed) from {TABLE} group by 1"
FILES = "-f docker/compose.measured.yaml"


@dataclass
class Seen:
    """What one stack took: a value a round."""

    singles: list[float] = field(default_factory=list)  # requests of one event acknowledged in a second
    batched: list[float] = field(default_factory=list)  # events in a second, by requests of 500
    runs: list[float] = field(default_factory=list)  # seconds from the trigger of ingest_events to what Trino sees
    cores: list[float] = field(default_factory=list)  # seconds of a core that the machine spent meanwhile
    queries: list[float] = field(default_factory=list)  # seconds of the same question, of each round the median
    at_rest: list[float] = field(default_factory=list)  # cores that are busy while nothing is asked
    memory: list[float] = field(default_factory=list)  # MiB, of all containers


def main() -> None:
    """Measures both, one after the other, and keeps the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    for name in [name for name in os.environ if name.startswith("LAKEHOUSE_")]:
        del os.environ[name]  # a person's settings are not those of the containers
    seen = {}
    for kind in ("compose", "cluster"):
        with running(kind):
            seen[kind] = measure(rounds)
            click.echo(f"{kind}: {seen[kind]}")
    table = compare(seen["cluster"], seen["compose"])
    click.echo("\n" + table.markdown())
    if rounds == ROUNDS:
        RESULTS.write_text(with_section(RESULTS.read_text(), TITLE, table.markdown()))


@contextmanager
def running(kind: str) -> Iterator[None]:
    """A new stack of `make compose-up` or `make cluster-up`, until the block ends."""
    given = [f"COMPOSE_FILES={FILES}", f"CLUSTER_PROJECT={PROJECT}", "VOLUMES=--volumes"]
    environment = os.environ | {"COMPOSE_PROJECT_NAME": PROJECT}

    def make(target: str) -> None:
        subprocess.run(["make", target, *given], cwd=CHECKOUT, env=environment, timeout=START_SECONDS, check=True)

    make(f"{kind}-down")  # what an ended measurement has left
    try:
        make(f"{kind}-up")
        yield
    finally:
        make(f"{kind}-down")


def measure(rounds: int) -> Seen:
    """The same work on whatever stack is published on this machine."""
    settings = Settings()
    password = json.loads((CHECKOUT / ".compose" / "airflow_passwords").read_text())[AIRFLOW_USER]
    airflow = AirflowApi(settings.airflow_url, AIRFLOW_USER, password)
    seen = Seen()
    with tempfile.TemporaryDirectory() as folder:
        body = batch_body(Path(folder) / "batch.json", BATCH)
        for _ in range(WARM_UP):
            run_seconds(settings, airflow, body)
        apache_bench(settings.api_url + SWORD, SINGLES, CONNECTIONS)
        run_seconds(settings, airflow, body)
        for _ in range(rounds):
            seen.singles.append(apache_bench(settings.api_url + SWORD, SINGLES, CONNECTIONS))
            rate = apache_bench(f"{settings.api_url}/v1/events", BATCHES, BATCH_CONNECTIONS, body)
            seen.batched.append(BATCH * rate)
            ingest(airflow, lambda _: None)
            busy = busy_seconds()
            seen.runs.append(run_seconds(settings, airflow, body))
            seen.cores.append(busy_seconds() - busy)
            seen.queries.append(query_seconds(settings))
            seen.at_rest.append(cores_at_rest())
            seen.memory.append(memory_mb())
    return seen


def run_seconds(settings: Settings, airflow: AirflowApi, body: Path) -> float:
    """Sends ROWS events, and waits from the trigger of ingest_events until Trino counts them.

    Raises:
        RuntimeError: the run is not green, or its events are not there.
    """
    wanted = count(settings, TABLE) + ROWS
    apache_bench(f"{settings.api_url}/v1/events", ROWS // BATCH, BATCH_CONNECTIONS, body)
    began = time.monotonic()
    outcome = follow(airflow, "ingest_events", airflow.trigger("ingest_events"))
    seconds = time.monotonic() - began
    if not outcome.good or count(settings, TABLE) < wanted:
        raise RuntimeError(f"after a run that is {outcome.state} Trino does not see {wanted} rows")
    return seconds


def query_seconds(settings: Settings) -> float:
    """The median of some answers."""
    taken = []
    for _ in range(QUERIES):
        began = time.monotonic()
        query(settings, QUESTION)
        taken.append(time.monotonic() - began)
    return sorted(taken)[QUERIES // 2]


def busy_seconds() -> float:
    """Seconds that the cores of this machine have worked, for whomever."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def cores_at_rest() -> float:
    before, began = busy_seconds(), time.monotonic()
    time.sleep(REST_SECONDS)
    return (busy_seconds() - before) / (time.monotonic() - began)


def memory_mb() -> float:
    """What the containers of the project hold."""
    label = f"label=com.docker.compose.project={PROJECT}"
    return sum(containers.memory_mb(containers.docker("ps", "-q", "--filter", label).split()))


def compare(cluster: Seen, single: Seen) -> Table:
    """The cluster's figures, each beside that of the single containers."""
    table = Table(say=click.echo)
    rows = (
        (f"one event a request, {CONNECTIONS} connections", "/s", "singles"),
        (f"{BATCH} events a request, {BATCH_CONNECTIONS} connections", "/s", "batched"),
        (f"ingest_events of {ROWS:,} events, from its trigger to its end", "s", "runs"),
        ("the machine's cores meanwhile", "core s", "cores"),
        ("a question to a table of them, in Trino", "s", "queries"),
        ("cores that work while nothing is asked", "cores", "at_rest"),
        ("memory of all containers", "MiB", "memory"),
    )
    for what, unit, name in rows:
        table.add(
            Figure(what, "the single containers", unit, tuple(getattr(cluster, name)), tuple(getattr(single, name)))
        )
    return table


if __name__ == "__main__":
    main()
