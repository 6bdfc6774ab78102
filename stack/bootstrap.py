"""Makes what the servers need once they answer: topics, tables, views, Airflow's pool; and unpauses the DAGs."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lakehouse import job_log
from lakehouse.settings import CHECKOUT, Settings
from stack.environment import AIRFLOW_USER, airflow_password, job_environment
from stack.errors import StackError
from stack.steps import Step

SPARK_POOL = "spark_writers"
# All DAGs: a run of a paused DAG would stay queued, even one that a person starts.
UNPAUSED = (
    "ingest_events",
    "build_day",
    "maintain_tables",
    "replay_quarantine",
    "discard_quarantine",
    "accept_loss",
    "erase_player",
    "rebuild_live",
)
_DAGS_SECONDS = 90.0


def steps(settings: Settings, java: Path) -> list[Step]:
    """What is made on running servers, as steps that need each other and services."""
    return [
        Step("topics", ("kafka",), lambda _: make_topics(settings)),
        Step("tables", ("metastore", "spark"), lambda _: _make_tables(settings, java)),
        Step("views", ("tables", "trino"), lambda _: make_views(settings)),
        Step(
            "dags",
            ("topics", "tables", "airflow-scheduler", "airflow-dag-processor"),
            lambda _: prepare_airflow(settings),
        ),
    ]


def make_topics(settings: Settings) -> None:
    from lakehouse.catalog.topics import create_topics
    from lakehouse.contract.load import load_contracts

    create_topics(settings, load_contracts(settings.contracts))


def make_tables(settings: Settings, environment: Mapping[str, str], *arguments: str) -> list[str]:
    """Runs jobs/create_tables.py; repeating it changes nothing. Returns what it says."""
    return run_job(settings, environment, "create_tables", *arguments)


def _make_tables(settings: Settings, java: Path) -> None:
    make_tables(settings, job_environment(settings, java))


def run_job(
    settings: Settings, environment: Mapping[str, str], job: str, *arguments: str, seconds: float = 180
) -> list[str]:
    """Runs a job outside of Airflow. Returns the lines that it wrote for people.

    Raises:
        StackError: it failed; the message has the end of its log.
    """
    log = settings.state / "logs" / f"{job}.log"
    command = [sys.executable, str(CHECKOUT / "jobs" / f"{job}.py"), *arguments]
    run_logged(f"jobs/{job}.py", command, environment, log, seconds)
    lines = map(job_log.read, log.read_text(errors="replace").splitlines())
    return [line.shown for line in lines if line and line.level != "debug"]


def run_logged(what: str, command: Sequence[str], environment: Mapping[str, str], log: Path, seconds: float) -> None:
    """Runs a command whose output becomes the log.

    Raises:
        StackError: it failed, or took longer; the message has the end of its log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        try:
            done = subprocess.run(
                command,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=CHECKOUT,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise StackError(f"{what} did not end within {seconds:.0f} s:\n{tail(log)}\n  whole log: {log}") from None
    if done.returncode:
        raise StackError(f"{what} failed:\n{tail(log)}\n  whole log: {log}")


def make_views(settings: Settings) -> None:
    """Makes the views, and waits until Trino has a node for a query of the tables.

    If such a query fails for another reason, `make up` goes on: the runs that need the table will report it.
    """
    from lakehouse.catalog.views import create_views
    from lakehouse.clients.trino import QueryError, query
    from lakehouse.contract.load import load_contracts

    create_views(settings, load_contracts(settings.contracts))
    with contextlib.suppress(QueryError):
        query(settings, "select max(entry_id) from ops.batches")


def prepare_airflow(settings: Settings) -> None:
    """Makes the one-slot pool, waits until the DAGs are read, and unpauses them."""
    from lakehouse.clients.airflow import AirflowApi

    api = AirflowApi(settings.airflow_url, AIRFLOW_USER, airflow_password(settings.state))
    api.set_pool(SPARK_POOL, 1, "Spark tasks, one at a time: it saves memory; that data are right does not hang on it.")
    until = time.monotonic() + _DAGS_SECONDS
    while missing := set(UNPAUSED) - api.dag_ids():
        if errors := api.import_errors():
            raise StackError("A DAG file cannot be read: " + "; ".join(errors))
        if time.monotonic() > until:
            raise StackError(
                f"Airflow has not read {', '.join(sorted(missing))} within {_DAGS_SECONDS:.0f} s; see its log"
            )
        time.sleep(0.5)
    for dag_id in UNPAUSED:
        api.unpause(dag_id)


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, indented, for a person."""
    if not log.exists():
        return "  (no log yet)"
    with log.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 16_384))
        text = file.read().decode(errors="replace")
    return "\n".join(f"  | {line[:300]}" for line in text.splitlines()[-lines:])
