"""A stack of the benchmarks' own, Kafka filled past the API, and the programs that are measured beside."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from lakehouse.clients.kafka import admin, read_logs
from lakehouse.settings import CHECKOUT, Settings
from stack.control import down, up
from stack.environment import local_settings
from stack.java import find_java
from stack.probes import await_service
from stack.processes import stack_processes

PERF_TOPIC = "perf"
FILL_SECONDS = 600.0
RENEW_SECONDS = 120.0
# As the API writes it: 330 bytes.
EVENT = (
    b'{"event_id":"%s","event_type":"purchase_horse","speed":1.5,"size":"small","quantity":2,"schema_version":1,'
    b'"received_at":"2026-11-22T10:00:00.000123Z","player":"Player %d","host":"user1.comcast.com","user_agent":'
    b'"ApacheBench/2.3","accept":"*/*","http_headers":{"Content-Type":"application/json"}}'
)


@contextlib.contextmanager
def measuring(every_minutes: int = 59, *, beside: bool = False) -> Iterator[Settings]:
    """An empty stack of its own, with the warm Spark in its settings; stopped at the end. `beside`: a second one."""
    os.environ.update(
        LAKEHOUSE_PORT_OFFSET="14000" if beside else "12000",
        LAKEHOUSE_STATE=str(CHECKOUT / (".stack-bench-beside" if beside else ".stack-bench")),
        LAKEHOUSE_INGEST_EVERY_MINUTES=str(every_minutes),
    )
    loaded = Settings.load()
    down(loaded, lambda _: None)
    shutil.rmtree(loaded.state, ignore_errors=True)
    up(loaded, click.echo)
    try:
        yield local_settings(loaded)
    finally:
        down(loaded, click.echo)


@contextlib.contextmanager
def seed_server(settings: Settings) -> Iterator[str]:
    """The seeds' design of the API (seed_server.py), on a free port, until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.seed_server", str(port), settings.kafka_bootstrap]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if time.monotonic() > until or process.poll() is not None:
                raise RuntimeError("the seeds' server did not start")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def renew(settings: Settings, service: str) -> None:
    """Ends a server; returns when the one answers that supervisord starts in its place.

    Not by `up`, which would unpause the DAGs in the midst of a measurement.
    """
    for process in stack_processes(settings.state)[service]:
        process.kill()
        process.wait(timeout=30)
    await_service(settings, service, RENEW_SECONDS)


def keeping_errors(lost: list[object]) -> Callable[[object, object], None]:
    """For a producer's `on_delivery`: the errors of messages that Kafka did not take."""

    def delivered(error: object, _: object) -> None:
        if error is not None:
            lost.append(error)

    return delivered


def fill(settings: Settings, rows: int, topic: str = "events") -> None:
    """Puts `rows` valid events with ids of their own into Kafka, past the API, over all partitions."""
    import uuid_utils
    from confluent_kafka import Producer

    lost: list[object] = []
    until = time.monotonic() + FILL_SECONDS
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka_bootstrap,
            "acks": "all",
            "linger.ms": 50,
            "queue.buffering.max.messages": 1_000_000,
            "on_delivery": keeping_errors(lost),
        }
    )
    for number in range(rows):
        value = EVENT % (str(uuid_utils.uuid7()).encode(), number % 1000)
        while True:
            try:
                producer.produce(topic, value, b"Player %d" % (number % 1000))
                break
            except BufferError:
                if time.monotonic() > until:
                    raise RuntimeError(f"Kafka took {number} of {rows} events in {FILL_SECONDS:.0f} s") from None
                producer.poll(0.1)
        if number % 1000 == 0:
            producer.poll(0)
    if producer.flush(120) or lost:
        raise RuntimeError(f"Kafka did not take all of {rows} events: {lost[:1]}")


def end_offsets(settings: Settings, topic: str) -> dict[int, int]:
    """The end of each partition of a topic."""
    with admin(settings) as client:
        return {log.at.partition: log.end for log in read_logs(client, [topic])}


def make_topic(settings: Settings, name: str) -> None:
    """Makes a topic of as many partitions as the others have, unless it is there."""
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    client = AdminClient({"bootstrap.servers": settings.kafka_bootstrap})
    if name not in client.list_topics(timeout=20).topics:
        client.create_topics([NewTopic(name, settings.topic_partitions, 1)])[name].result(timeout=20)


def producer_perf(settings: Settings, records: int, size: int) -> float:
    """Records per second of kafka-producer-perf-test, acks=all."""
    make_topic(settings, PERF_TOPIC)
    text = _kafka_tool(
        settings, "ProducerPerformance", "--topic", PERF_TOPIC, "--num-records", str(records),
        "--record-size", str(size), "--throughput", "-1",
        "--producer-props", f"bootstrap.servers={settings.kafka_bootstrap}", "acks=all", "enable.idempotence=true",
    )  # fmt: skip
    found = re.findall(r"([0-9.]+) records/sec", text)
    return float(found[-1])


def consumer_perf(settings: Settings, topic: str, records: int) -> float:
    """Records per second of kafka-consumer-perf-test, from the time it begins to fetch."""
    text = _kafka_tool(
        settings, "ConsumerPerformance", "--topic", topic, "--messages", str(records), "--hide-header",
        "--bootstrap-server", settings.kafka_bootstrap, "--timeout", "30000",
    )  # fmt: skip
    last = next(line for line in reversed(text.splitlines()) if line.count(",") >= 9)
    return float(last.split(",")[9])  # fetch.nMsg.sec


def _kafka_tool(settings: Settings, name: str, *arguments: str) -> str:
    java = find_java(os.environ) / "bin" / "java"
    command = [str(java), "-cp", f"{settings.servers / 'kafka'}/*", f"org.apache.kafka.tools.{name}", *arguments]
    done = subprocess.run(command, text=True, capture_output=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    return done.stdout


def folder_of(settings: Settings) -> Path:
    """For files of a measurement; goes with the stack."""
    folder = settings.state / "bench"
    folder.mkdir(exist_ok=True)
    return folder
