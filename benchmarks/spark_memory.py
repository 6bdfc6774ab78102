"""Whether the memory of the warm Spark stays flat: over many small batches, and after messages of 4 MB."""

from __future__ import annotations

import os
import statistics

from benchmarks.figures import Figure, Table
from benchmarks.spark_jobs import by_hand, ingest, live_heap
from benchmarks.stack import fill, keeping_errors
from lakehouse.settings import Settings
from stack.processes import memory_bytes, stack_processes
from stack.services import SPARK_LIMIT_MB

EVENTS = 100  # of a small batch
WARM_UP = 20  # batches that are not counted: until then Java compiles, and Spark fills its caches
LARGE, LARGE_BYTES = 30, 4_000_000
ROUNDS_OF_LARGE = 3


def measure(settings: Settings, table: Table, batches: int) -> None:
    """Adds what Spark's server and its workers hold late in the small batches beside early, and after large messages."""
    with by_hand(settings):
        held = [_after_small(settings) for _ in range(batches)]
        third = (batches - WARM_UP) // 3
        early, late = (statistics.median(part) for part in (held[WARM_UP : WARM_UP + third], held[-third:]))
        name = f"memory of Spark, last third of {batches} batches of {EVENTS} events"
        table.add(
            Figure(
                name,
                "first third",
                "MB",
                (late,),
                (early,),
                wanted=1.1,
                at_most=True,
                note=f"{held[0]:.0f} MB at first",
            )
        )
        peaks = []
        for _ in range(ROUNDS_OF_LARGE):
            _send_large(settings)
            ingest(settings)
            peaks.append(_held_mb(settings))
        live_heap(_server(settings))  # collects all, as Spark does every five minutes
        after = _after_small(settings)
    table.add(
        Figure(
            f"the same after {ROUNDS_OF_LARGE * LARGE} messages of 4 MB",
            "before them",
            "MB",
            (after,),
            (late,),
            wanted=1.25,
            at_most=True,
            note=f"a batch after the next full collection; {max(peaks):,.0f} MB at most meanwhile",
        )
    )
    table.add(Figure("its most", "", "MB", (max(*held, *peaks),), limit=SPARK_LIMIT_MB))


def _after_small(settings: Settings) -> float:
    """MB that are held when another small batch is published."""
    fill(settings, EVENTS)
    ingest(settings)
    return _held_mb(settings)


def _held_mb(settings: Settings) -> float:
    return memory_bytes(stack_processes(settings.state)["spark"]) / 1e6


def _server(settings: Settings) -> int:
    (server,) = (process for process in stack_processes(settings.state)["spark"] if process.name() == "java")
    return server.pid


def _send_large(settings: Settings) -> None:
    """Messages past the API, of which each is too large for an event and ends in quarantine."""
    from confluent_kafka import Producer

    lost: list[object] = []
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka_bootstrap,
            "acks": "all",
            "message.max.bytes": 2 * LARGE_BYTES,
            "on_delivery": keeping_errors(lost),
        }
    )
    for _ in range(LARGE):
        producer.produce("events", b'{"x":"' + os.urandom(LARGE_BYTES // 2 - 8).hex().encode() + b'"}')
        if producer.flush(60) or lost:
            raise RuntimeError(f"Kafka did not take a message of {LARGE_BYTES:,} bytes: {lost[:1]}")
