"""`make bench`: prints how fast this machine accepts and drains events, each figure beside a baseline of the same run."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import click

from benchmarks.loads import batches_per_second, singles_per_second
from lakehouse.settings import CHECKOUT, Settings
from lakehouse.stack.control import down, up
from lakehouse.stack.environment import job_environment, local_settings

ROUNDS = 3
SINGLES = 3_000
BATCHES, BATCH_SIZE = 40, 500
ROWS = 100_000


@dataclass(frozen=True)
class Figure:
    """A measured rate and its baseline, one pair a round; rates are events per second."""

    what: str
    baseline: str
    pairs: tuple[tuple[float, float], ...]

    def __str__(self) -> str:
        ours, theirs = zip(*self.pairs, strict=True)
        ratios = [a / b for a, b in self.pairs]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        return (
            f"{self.what:<34}{statistics.median(ours):>10,.0f}/s   {self.baseline:<42}{statistics.median(theirs):>9,.0f}/s   "
            f"{statistics.median(ratios):>6.2f} x ({spread})"
        )


def paired(what: str, baseline: str, ours: Callable[[], float], theirs: Callable[[], float]) -> Figure:
    """Measures the two in turn, so that a machine that slows down slows both."""
    return Figure(what, baseline, tuple((ours(), theirs()) for _ in range(ROUNDS)))


@contextlib.contextmanager
def seed_server(settings: Settings) -> Iterator[str]:
    """The baseline server, on a free port, until the block ends."""
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
                raise RuntimeError("the baseline server did not start")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def fill(settings: Settings, rows: int) -> None:
    """Puts `rows` equal events into Kafka, past the API."""
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap, acks="all", linger_ms=50, batch_size=1 << 18)
    value = (
        b'{"event_type": "purchase_horse", "player": "p", "host": "h", "speed": 1.5, "size": "small", "quantity": 2}'
    )
    for _ in range(rows):
        producer.send("events", value)
    producer.flush(timeout=120)
    producer.close()


def drain_rate(settings: Settings, rows: int) -> float:
    """Rows per second of jobs/drain.py with the warm Spark, the start of its process included."""
    command = [sys.executable, str(CHECKOUT / "jobs" / "drain.py"), "--run", "bench"]
    started = time.perf_counter()
    subprocess.run(
        command, env=job_environment(settings), cwd=CHECKOUT, timeout=600, check=True, stdout=subprocess.DEVNULL
    )
    return rows / (time.perf_counter() - started)


def consumer_rate(settings: Settings, rows: int) -> float:
    """Rows per second of kafka-python's own consumer over as many messages, which does nothing with them."""
    from kafka import KafkaConsumer

    consumer = KafkaConsumer(
        "events", bootstrap_servers=settings.kafka_bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    seen, started = 0, time.perf_counter()
    while seen < rows:
        if time.perf_counter() - started > 300:
            raise RuntimeError(f"the consumer saw {seen} of {rows} messages in 300 s")
        seen += sum(map(len, consumer.poll(timeout_ms=1_000, max_records=10_000).values()))
    seconds = time.perf_counter() - started
    consumer.close()
    return seen / seconds


@contextlib.contextmanager
def measuring() -> Iterator[Settings]:
    """An empty stack of its own, with the warm Spark in its settings; stopped at the end."""
    os.environ.update(
        LAKEHOUSE_PORT_OFFSET="12000",
        LAKEHOUSE_STATE=str(CHECKOUT / ".stack-bench"),
        LAKEHOUSE_INGEST_EVERY_MINUTES="59",
    )
    settings = Settings.load()
    down(settings, lambda _: None)
    shutil.rmtree(settings.state, ignore_errors=True)
    up(settings, click.echo)
    try:
        yield local_settings(settings)
    finally:
        down(settings, click.echo)


def main() -> None:
    """Starts a stack of its own, measures, prints the table, and stops it."""
    with measuring() as settings:
        sword = "/purchase_a_sword?event_detail=bench"
        with seed_server(settings) as seed:
            single = lambda base: lambda: singles_per_second(base + sword, SINGLES)  # noqa: E731
            single(settings.api_url)()  # warm-up, not counted
            single(seed)()
            click.echo("\nmedian of three rounds, in turn; ratio: median (least to most)")
            name = "Werkzeug server, not waiting for Kafka"
            click.echo(str(paired("single events accepted", name, single(settings.api_url), single(seed))))
            events = lambda: batches_per_second(settings.api_url + "/v1/events", BATCHES, BATCH_SIZE)  # noqa: E731
            click.echo(str(paired("/v1/events, batches of 500", name, events, single(seed))))
        drain_rate(settings, 1)  # takes what the rounds above left

        def drain() -> float:
            fill(settings, ROWS)
            return drain_rate(settings, ROWS)

        click.echo(
            str(
                paired(
                    "drain, 100,000 rows waiting",
                    "kafka-python's consumer",
                    drain,
                    lambda: consumer_rate(settings, ROWS),
                )
            )
        )


if __name__ == "__main__":
    main()
