"""`python -m benchmarks.costs`: what a message and a batch cost in cores, bytes, files and rows; operations/sizing.py has it.

On a stack of its own, as `make bench`; six minutes. The messages are those of the demo's random play, sent through the API,
a session a request. Keeps its table in benchmarks/results.md.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from typing import NamedTuple
from unittest.mock import patch

import click
import psutil

from benchmarks.__main__ import RESULTS, with_section
from benchmarks.loads import ITEM, latencies
from benchmarks.spark_jobs import by_hand, count, job_seconds
from benchmarks.stack import end_offsets, measuring
from lakehouse import names
from lakehouse.clients.hdfs import Hdfs, Summary
from lakehouse.clients.trino import query
from lakehouse.contract.load import load_contracts
from lakehouse.contract.model import Contracts
from lakehouse.settings import Settings
from stack.environment import job_environment
from stack.loads.game_client import GameClient
from stack.loads.play import Session, sessions
from stack.processes import stack_processes

TITLE = "The last costs of a message and of a batch"
SINGLES, SINGLE_SECONDS = 2_000, 15  # one event a request: a second, and for how long
REQUESTS, EVENTS_A_REQUEST = 200, 500
SMALL, LARGE = 2_000, 200_000  # messages of a batch, about
ROUNDS = 3  # of each
WARM_UP = 20_000
SENDERS = 4
PLAYERS, BAD, REPEATED = 1_000, 0.02, 0.02  # of the play, as `lakehouse send --play`
SPARK = ("spark", "job")  # of whose cores a batch takes; the others are its servers
HDFS = ("namenode", "datanode")
JOBS = ("drain", "publish")

Row = tuple[str, str, str]  # what, its cost, and of what that was measured


class Spent(NamedTuple):
    """What some work took: seconds, and core seconds by service; "job" is the jobs' own processes."""

    seconds: float
    cores: dict[str, float]

    def of(self, *services: str) -> float:
        return sum(self.cores.get(service, 0.0) for service in services)


class Batch(NamedTuple):
    """One batch: its messages, what each job took, and what came into HDFS, by part."""

    messages: int
    took: dict[str, Spent]
    came: dict[str, Summary]


class Line(NamedTuple):
    """`fixed + each * messages`, of a batch."""

    fixed: float
    each: float


def line(points: Iterable[tuple[int, float]], split: int) -> Line:
    """The line through the medians of the batches below and from `split` messages; its parts are not negative."""
    points = list(points)
    small, large = (
        [statistics.median(column) for column in zip(*some, strict=True)]
        for some in ([p for p in points if p[0] < split], [p for p in points if p[0] >= split])
    )
    each = max(0.0, (large[1] - small[1]) / (large[0] - small[0]))
    return Line(max(0.0, small[1] - each * small[0]), each)


# ---- measuring


def core_seconds(settings: Settings) -> dict[str, float]:
    """By service, of all its processes, those that ended included."""
    found: defaultdict[str, float] = defaultdict(float)
    for service, processes in stack_processes(settings.state).items():
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):  # its parent has its time now
                times = process.cpu_times()
                found[service] += times.user + times.system + times.children_user + times.children_system
    own = os.times()
    found["job"] = own.children_user + own.children_system
    return found


def spent(settings: Settings, work: Callable[[], object]) -> Spent:
    """What the work takes of the stack."""
    before, began = core_seconds(settings), time.monotonic()
    work()
    seconds, after = time.monotonic() - began, core_seconds(settings)
    return Spent(seconds, {service: after[service] - before.get(service, 0.0) for service in after})


def in_kafka(settings: Settings, topics: Iterable[str]) -> tuple[int, int]:
    """Messages, and bytes of their logs on the broker's disk."""
    topics = list(topics)
    messages = sum(sum(end_offsets(settings, topic).values()) for topic in topics)
    logs = [file for topic in topics for file in (settings.state / "kafka").glob(f"{topic}-[0-9]*/*.log")]
    return messages, sum(file.stat().st_size for file in logs)


def in_hdfs(settings: Settings, contracts: Contracts) -> dict[str, Summary]:
    """Files, folders and bytes of each part: tables without their Delta logs, the logs, staging."""
    hdfs = Hdfs(settings)
    tables = {
        "raw": [names.RAW_EVENTS],
        "game": [names.event_table(table) for table in contracts.tables],
        "ledger": [names.LEDGER],
        "checks": [names.CHECKS],
        "quarantine": [names.QUARANTINE],
    }
    found, logs = {}, []
    for part, some in tables.items():
        folders = [f"{settings.warehouse}/{table.database}/{table.name}" for table in some]
        own_logs = [hdfs.summary(f"{folder}/_delta_log") for folder in folders]
        found[part] = minus(total(hdfs.summary(folder) for folder in folders), total(own_logs))
        logs += own_logs
    return {**found, "logs": total(logs), "staging": hdfs.summary(f"{settings.warehouse}/{names.STAGING}")}


def total(parts: Iterable[Summary]) -> Summary:
    return Summary(*map(sum, zip(Summary(0, 0, 0), *parts, strict=True)))


def minus(one: Summary, other: Summary) -> Summary:
    return Summary(*(a - b for a, b in zip(one, other, strict=True)))


def live(settings: Settings, tables: Iterable[names.Table]) -> tuple[int, int]:
    """Files and bytes of the tables' newest versions."""
    from deltalake import DeltaTable

    with patch.dict(os.environ, job_environment(settings)):
        sizes = [
            size
            for table in tables
            for size in DeltaTable(table.path(settings.warehouse_uri))
            .get_add_actions(flatten=True)["size_bytes"]
            .to_pylist()
        ]
    return len(sizes), sum(sizes)


# ---- sending


def send_arrays(settings: Settings, bodies: Iterable[tuple[str, str, bytes]]) -> None:
    """Posts arrays of events, each as a player at a host. Raises RuntimeError if a request fails as a whole."""
    queue = iter(list(bodies))

    def work(_: int) -> None:
        with GameClient(settings.api_url) as client:
            for player, host, body in queue:
                headers = {"Host": host, "X-Player-Id": player, "User-Agent": "lakehouse-play", "Accept": "*/*"}
                answer = client.send("POST", "/v1/events", {**headers, "Content-Type": "application/json"}, body)
                if answer.status >= 500 or b'"items"' not in answer.body:
                    raise RuntimeError(f"the API answered {answer.status} {answer.body[:200]!r}")

    with ThreadPoolExecutor(SENDERS) as threads:
        list(threads.map(work, range(SENDERS)))


def play(settings: Settings, events: int, chance: Random) -> None:
    """Sends sessions until they have so many events, a request a session."""
    played: list[Session] = []
    for session in sessions(chance, PLAYERS, BAD, REPEATED):
        played.append(session)
        events -= len(session.events)
        if events <= 0:
            break
    send_arrays(
        settings,
        [(each.player, each.host, b"[" + b",".join(one.body for one in each.events) + b"]") for each in played],
    )


# ---- the figures


def measure_api(settings: Settings, topics: Iterable[str]) -> list[Row]:
    """Core microseconds and log bytes of an event that comes alone, and of one that comes with others."""
    rows = []
    body = json.dumps([ITEM] * EVENTS_A_REQUEST).encode()
    arrays = itertools.repeat(("Player 1", "web.game.com", body), REQUESTS)
    address = f"{settings.api_url}/purchase_a_sword?event_detail=bench"
    ways: dict[str, Callable[[], object]] = {
        "one event a request": lambda: latencies(address, SINGLES, SINGLE_SECONDS),
        f"{EVENTS_A_REQUEST} events a request": lambda: send_arrays(settings, arrays),
    }
    for way, send in ways.items():
        messages, size = in_kafka(settings, topics)
        took = spent(settings, send)
        more, larger = in_kafka(settings, topics)
        sent = more - messages
        of = f"{sent:,} events, {sent / took.seconds:,.0f} a second"
        rows += [
            (f"API, {way}", f"{took.of('api') / sent * 1e6:.1f} us of a core", of),
            (f"broker, {way}", f"{took.of('kafka') / sent * 1e6:.1f} us of a core", of),
            (f"Kafka's log, {way}", f"{(larger - size) / sent:.0f} bytes", of),
        ]
    return rows


def one_batch(settings: Settings, contracts: Contracts) -> Batch:
    """Drains and publishes what waits, one batch."""
    before, rows = in_hdfs(settings, contracts), count(settings, "raw.events")
    took = {job: spent(settings, partial(job_seconds, settings, job)) for job in JOBS}
    after, messages = in_hdfs(settings, contracts), count(settings, "raw.events") - rows
    batch = Batch(messages, took, {part: minus(after[part], before[part]) for part in after})
    click.echo(str(batch))
    return batch


def taken(job: str, services: tuple[str, ...], batch: Batch) -> float:
    """Core seconds that the job took of these services; without services, its seconds."""
    return batch.took[job].of(*services) if services else batch.took[job].seconds


def came(part: str, batch: Batch) -> float:
    """Bytes that came into a part of HDFS."""
    return float(batch.came[part].size)


def rows_of(batches: list[Batch]) -> list[Row]:
    """What a batch costs whatever its size, and what a message adds."""
    split = (SMALL + LARGE) // 2
    of = f"medians of {ROUNDS} batches of some {SMALL:,} and {ROUNDS} of some {LARGE:,} messages"

    def fitted(value: Callable[[Batch], float]) -> Line:
        return line([(each.messages, value(each)) for each in batches], split)

    rows = []
    for job in JOBS:
        wall, ours, hdfs = (fitted(partial(taken, job, services)) for services in ((), SPARK, HDFS))
        rows += [
            (f"{job}, Spark and job, a message", f"{ours.each * 1e6:.1f} us of a core", of),
            (f"{job}, Spark and job, a batch", f"{ours.fixed:.2f} core seconds", of),
            (f"{job}, a batch", f"{wall.fixed:.2f} s", f"{of}; and {wall.each * 1e6:.1f} us a message on two cores"),
            (f"{job}, HDFS, a message", f"{hdfs.each * 1e6:.1f} us of a core", of),
        ]
    kafka = fitted(partial(taken, "drain", ("kafka",)))
    rows.append(("drain, broker, a message", f"{kafka.each * 1e6:.1f} us of a core", of))
    for part in batches[0].came:
        size = fitted(partial(came, part))
        small, large = (
            statistics.median(each.came[part].files for each in batches if (each.messages < split) is few)
            for few in (True, False)
        )
        rows += [
            (f"{part}, a message", f"{size.each:.1f} bytes", of),
            (f"{part}, a batch", f"{size.fixed:,.0f} bytes", of),
            (f"{part}, files a small batch", f"{small:.0f} files", of),
            (f"{part}, files a large batch", f"{large:.0f} files", of),
        ]
    return rows


def compaction_rows(settings: Settings, contracts: Contracts) -> list[Row]:
    """What the hourly compaction costs, and what it leaves."""
    tables = [names.RAW_EVENTS, *map(names.event_table, contracts.tables)]
    files, size = live(settings, tables)
    took = spent(settings, lambda: job_seconds(settings, "maintain", "--task", "compact", compact_from_files="2"))
    fewer, smaller = live(settings, tables)
    messages = count(settings, "raw.events")
    of = f"{messages:,} messages in raw; {files} files of {size / 2**20:.1f} MiB joined to {fewer} of {smaller / 2**20:.1f}"
    raw, game = (live(settings, some)[1] / messages for some in (tables[:1], tables[1:]))
    return [
        ("compaction, Spark and job, a message", f"{took.of(*SPARK) / messages * 1e6:.1f} us of a core", of),
        ("raw, compacted, a message", f"{raw:.1f} bytes", of),
        ("game, compacted, a message", f"{game:.1f} bytes", of),
    ]


def measure(settings: Settings) -> list[Row]:
    """All rows of the table."""
    contracts, chance = load_contracts(settings.contracts), Random(7)
    topics = list(contracts.topics)
    rows = measure_api(settings, topics)
    play(settings, WARM_UP, chance)
    one_batch(settings, contracts)
    batches, before = [], in_kafka(settings, topics)
    counted = {table: count(settings, f"ops.{table}") for table in ("ledger", "checks")}
    for messages in (SMALL, LARGE) * ROUNDS:
        play(settings, messages, chance)
        batches.append(one_batch(settings, contracts))
    after = in_kafka(settings, topics)
    sent = sum(each.messages for each in batches)
    (value,) = query(settings, "select avg(length(value)) as bytes from raw.events where batch_id > 1")
    return [
        *rows,
        ("value of a message", f"{value['bytes']:.0f} bytes", f"mean of {sent:,} messages of the play"),
        ("Kafka's log, a session a request", f"{(after[1] - before[1]) / sent:.0f} bytes", f"{sent:,} messages"),
        *rows_of(batches),
        *[
            (
                f"{table}, rows a batch",
                f"{(count(settings, f'ops.{table}') - rows_before) / len(batches):.0f} rows",
                f"{len(batches)} batches",
            )
            for table, rows_before in counted.items()
        ],
        *compaction_rows(settings, contracts),
    ]


def main() -> None:
    """Measures on a stack of its own, and keeps the table."""
    argparse.ArgumentParser(prog="python -m benchmarks.costs", description=__doc__).parse_args()
    with measuring() as settings, by_hand(settings):
        rows = measure(settings)
    table = "\n".join("| " + " | ".join(row) + " |" for row in [("what", "cost", "of"), ("---",) * 3, *rows])
    click.echo("\n" + table)
    RESULTS.write_text(with_section(RESULTS.read_text(), TITLE, table))


if __name__ == "__main__":
    main()
