"""How fast waiting events come into the tables, compared with hand-written Spark and with Kafka's own consumer."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from uuid import uuid4

import click

from benchmarks.figures import ROUNDS, Figure, Table
from benchmarks.stack import consumer_perf, end_offsets, fill, renew
from lakehouse.clients.trino import query
from lakehouse.settings import CHECKOUT, Settings
from stack.airflow_login import connect
from stack.environment import job_environment
from stack.java import find_java
from stack.processes import stack_processes

JOB_SECONDS = 1_800
WARM_UP_ROWS = 200_000  # not counted; enough for Java to compile what many rows pass


def job_seconds(settings: Settings, job: str, *arguments: str, **more: str) -> float:
    """Runs one job on the warm Spark; its seconds, start of the process included."""
    environment = job_environment(settings) | {f"LAKEHOUSE_{name.upper()}": value for name, value in more.items()}
    command = [sys.executable, str(CHECKOUT / "jobs" / f"{job}.py"), "--run", "bench", *arguments]
    return seconds_of(command, environment)


def baseline_seconds(settings: Settings, what: str, offsets: dict[int, int]) -> float:
    """The same for one of benchmarks/baselines.py."""
    folder = f"{settings.hdfs_uri}/bench/{uuid4().hex}"
    command = [sys.executable, "-m", "benchmarks.baselines", what, json.dumps(offsets), folder]
    return seconds_of(command, job_environment(settings))


def seconds_of(command: list[str], environment: dict[str, str]) -> float:
    """Runs a command to its good end; its seconds. Raises RuntimeError if it fails."""
    began = time.monotonic()
    done = subprocess.run(
        command, env=environment, cwd=CHECKOUT, timeout=JOB_SECONDS, check=False, text=True, capture_output=True
    )
    if done.returncode:
        raise RuntimeError(f"{command[1:]} failed: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    return time.monotonic() - began


def ingest(settings: Settings, **more: str) -> float:
    """Drains and publishes all that waits; the seconds of both jobs."""
    return sum(job_seconds(settings, job, **more) for job in ("drain", "publish"))


def count(settings: Settings, table: str) -> int:
    """Rows of a table, as Trino sees it."""
    (row,) = query(settings, f"select count(*) as n from {table}")
    return int(row["n"])


@contextlib.contextmanager
def by_hand(settings: Settings) -> Iterator[None]:
    """No run of ingest_events drains or publishes, and no maintenance compacts, until the block ends."""
    airflow, dags = connect(settings), ["ingest_events", "maintain_tables"]
    airflow.pause_between_runs(dags, JOB_SECONDS)
    try:
        yield
    finally:
        for dag in dags:
            airflow.unpause(dag)


def backlog(settings: Settings, table: Table, waiting: int) -> None:
    """Adds the peak of live objects in Spark's heap in a drain of `waiting` events, and of a hundredth of them."""
    with by_hand(settings):
        _backlog(settings, table, waiting)


def _backlog(settings: Settings, table: Table, waiting: int) -> None:
    ingest(settings)
    peaks, resident = [], []
    for rows in (waiting // 100, waiting):
        before = count(settings, "raw.events")
        fill(settings, rows)
        renew(settings, "spark")
        (server,) = (p for p in stack_processes(settings.state)["spark"] if p.name() == "java")
        began, live = time.monotonic(), []
        with ThreadPoolExecutor(1) as pool:
            drained = pool.submit(job_seconds, settings, "drain")
            while not drained.done():
                live.append(live_heap(server.pid))
                wait([drained], timeout=1)
            drained.result()
        seconds = time.monotonic() - began
        peaks.append(max(live))
        (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", (Path("/proc") / str(server.pid) / "status").read_text())
        resident.append(int(peak) / 1024)
        check_drained(settings, before, rows)
    note = (
        f"{seconds:.0f} s in batches of {settings.max_events_per_batch:,}, with a full collection every second or two; "
        f"the heap is of the same 1500 MB; the process held at most {resident[1]:,.0f} MiB, {resident[0]:,.0f} MiB before"
    )
    name = f"peak of the live heap of Spark, drain of {waiting:,} events"
    table.add(
        Figure(name, f"of {waiting // 100:,}", "MiB", (peaks[1],), (peaks[0],), wanted=1.5, at_most=True, note=note)
    )


def check_drained(settings: Settings, before: int, rows: int) -> None:
    """Raises RuntimeError unless raw holds so many rows more than before."""
    came = count(settings, "raw.events") - before
    if came != rows:
        raise RuntimeError(f"{rows} events waited, {came} came into raw")


def live_heap(pid: int) -> float:
    """MiB that a Java process still refers to: its heap after a full collection.

    Raises:
        RuntimeError: the JDK's jcmd is missing, or did not answer.
    """
    jcmd = find_java(os.environ) / "bin" / "jcmd"
    if not jcmd.exists():
        raise RuntimeError(f"{jcmd} is missing: the backlog's memory is measured with a JDK, not with a JRE alone")
    command = [str(jcmd), str(pid), "GC.class_histogram"]  # collects and counts while the process stands still
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    total = re.search(r"^Total\s+\d+\s+(\d+)$", done.stdout, re.MULTILINE)
    if done.returncode or not total:
        raise RuntimeError(f"jcmd GC.class_histogram failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    return int(total[1]) / 2**20


def measure(settings: Settings, table: Table, rows: int) -> None:
    """Adds the figures of draining and publishing `rows` events a round."""
    with by_hand(settings):
        _measure(settings, table, rows)


def _measure(settings: Settings, table: Table, rows: int) -> None:
    ingest(settings)
    fill(settings, WARM_UP_ROWS)
    start = end_offsets(settings, "events")
    ingest(settings)
    for what in ("batch", "merge"):
        baseline_seconds(settings, what, start)
    rounds = [_round(settings, rows) for _ in range(ROUNDS)]
    rates = {name: tuple(each[name] for each in rounds) for name in rounds[0]}
    ours = rates["drain"]
    name = f"drain, {rows:,} events waiting"
    stream = "Structured Streaming, availableNow, into Delta"
    table.add(Figure(name, stream, "/s", ours, rates["stream"], wanted=1.2))
    table.add(Figure(name, "kafka-consumer-perf-test", "/s", ours, rates["consumer"], wanted=0.3))
    table.add(
        Figure(
            name,
            "a plain Spark batch from Kafka into Delta",
            "/s",
            ours,
            rates["batch"],
            wanted=0.52,
            note="2 x kafka-delta-ingest, which had 0.26 of such a batch (42,000 of 161,000 rows/s)",
        )
    )
    table.add(
        Figure(
            f"drain and publish, {rows:,} events",
            "the stream, then a MERGE per table",
            "/s",
            rates["drain and publish"],
            rates["stream and MERGE"],
            wanted=1.5,
        )
    )


def _round(settings: Settings, rows: int) -> dict[str, float]:
    """Fills Kafka and lets each read it, in turn: rows a second of ours and of what it is held against."""
    start = end_offsets(settings, "events")
    before = count(settings, "raw.events")
    fill(settings, rows)
    drain = job_seconds(settings, "drain")
    check_drained(settings, before, rows)
    rates = {
        "drain": rows / drain,
        "stream": rows / baseline_seconds(settings, "stream", start),
        "batch": rows / baseline_seconds(settings, "batch", start),
        "drain and publish": rows / (drain + job_seconds(settings, "publish")),
        "stream and MERGE": rows / baseline_seconds(settings, "merge", start),
        "consumer": consumer_perf(settings, "events", rows),
    }
    click.echo(", ".join(f"{name} {rate:,.0f}/s" for name, rate in rates.items()))
    return rates
