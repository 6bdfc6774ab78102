"""The stack that `make faults` works on: its own, with a small file system under Kafka where that is possible."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lakehouse.settings import Settings
from stack.control import down, up
from stack.supervisor import Supervisor
from tests.faults.servers import mount_disk, unmount_disk
from tests.real import Real, clean_environment

DAGS = ("ingest_events", "build_day", "maintain_tables")
SPOILED = "spoiled"  # a file in the state folder: what is there is not to be used again


def own_settings() -> Settings:
    """Settings of the stack; another place or other ports are given as for the tests."""
    os.environ.setdefault("TEST_STACK_STATE", ".stack-faults")
    os.environ.setdefault("TEST_STACK_PORT_OFFSET", "14000")
    clean_environment()
    return Settings.load()


@contextmanager
def running(say: Callable[[str], None]) -> Iterator[Real]:
    """Starts it empty, and stops it at the end.

    With KEEP_TEST_STACK=1 it is neither emptied nor stopped, unless spoiled.
    """
    settings = own_settings()
    keep = os.environ.get("KEEP_TEST_STACK") == "1"
    if not keep or (settings.state / SPOILED).exists():
        wipe(settings, say)
    if not mount_disk(settings.state / "kafka"):
        say("Kafka gets no file system of its own (that takes root): trials with its disk full are skipped.")
    try:
        if not (keep and is_up(settings)):
            up(settings, say)
        real = Real(settings)
        pause(real)
        yield real
    finally:
        if not keep:
            down(settings, say)
            unmount_disk(settings.state / "kafka")


def wipe(settings: Settings, say: Callable[[str], None]) -> None:
    """Stops the stack and deletes all that it holds."""
    down(settings, say)
    unmount_disk(settings.state / "kafka")
    shutil.rmtree(settings.state, ignore_errors=True)


def is_up(settings: Settings) -> bool:
    """Whether every service runs; one that was started anew would unpause the DAGs."""
    supervisor = Supervisor(settings.state)
    return supervisor.is_running() and {info["statename"] for info in supervisor.states().values()} == {"RUNNING"}


def pause(real: Real, seconds: float = 120.0) -> None:
    """Pauses all DAGs: trials start the jobs. (Waiting runs may stay; a paused DAG starts no task.)"""
    airflow, until = real.airflow(), time.monotonic() + seconds
    for dag_id in DAGS:
        airflow.pause(dag_id)
    tasks = "/dags/~/dagRuns/~/taskInstances?limit=100&state=running&state=queued"
    while running := airflow.get(tasks)["task_instances"]:
        assert time.monotonic() < until, f"tasks are still under way: {running}"
        time.sleep(0.5)
