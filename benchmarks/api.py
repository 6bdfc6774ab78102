"""How many events the API accepts, how soon it answers, and whether its memory stays what it was."""

from __future__ import annotations

import statistics

from benchmarks.figures import Figure, Table, paired
from benchmarks.loads import CONNECTIONS, apache_bench, batch_body, latencies, percentile
from benchmarks.stack import EVENT, end_offsets, folder_of, producer_perf, seed_server
from lakehouse.settings import Settings
from stack.processes import stack_processes

SINGLES, SEED_SINGLES = 30_000, 5_000
BATCH, BATCHES, BATCH_CONNECTIONS = 500, 600, 8
SWORD = "/purchase_a_sword?event_detail=bench"
SEED = "the seeds' design: Werkzeug, kafka-python, not acknowledged"


def measure(settings: Settings, table: Table) -> None:
    """Adds the API's figures."""
    url = settings.api_url
    body = batch_body(folder_of(settings) / "batch.json", BATCH)

    def events() -> float:
        before = sum(end_offsets(settings, "events").values())
        rate = BATCH * apache_bench(f"{url}/v1/events", BATCHES, BATCH_CONNECTIONS, body)
        accepted = sum(end_offsets(settings, "events").values()) - before
        if accepted != BATCH * BATCHES:  # ab sees the status only, Kafka has the events
            raise RuntimeError(f"{BATCH * BATCHES} events were sent, Kafka has {accepted} more")
        return rate

    with seed_server(settings) as seed:

        def singles() -> float:
            return apache_bench(url + SWORD, SINGLES, CONNECTIONS)

        def seed_singles() -> float:
            return apache_bench(seed + SWORD, SEED_SINGLES, CONNECTIONS)

        singles(), seed_singles()  # warm-up, not counted
        again, first = paired(seed_singles, seed_singles)
        table.add(Figure("A/A: the seeds' design beside itself", SEED, "/s", again, first))
        ours, theirs = paired(singles, seed_singles)
        table.add(Figure(f"single events, {CONNECTIONS} connections", SEED, "/s", ours, theirs, wanted=10))
        events()
        ours, theirs = paired(events, seed_singles)
        table.add(Figure(f"/v1/events, batches of {BATCH}", SEED, "/s", ours, theirs, wanted=150))
        top = statistics.median(singles() for _ in range(3))
    waits = latencies(url + SWORD, top / 2, 10)
    p50, p99 = (1000 * percentile(waits, share) for share in (0.5, 0.99))
    table.add(
        Figure(
            f"p99 of a single event at {top / 2:,.0f}/s, half of the top rate",
            "",
            "ms",
            (p99,),
            limit=25,
            note=f"p50 {p50:.1f} ms; the load generator is Python on the same cores",
        )
    )
    size = len(EVENT) + 40
    ours, theirs = paired(events, lambda: producer_perf(settings, 1_000_000, size))
    name = f"kafka-producer-perf-test, {size} bytes"
    table.add(Figure(f"/v1/events, batches of {BATCH}", name, "/s", ours, theirs, wanted=0.5))


def memory(settings: Settings, table: Table) -> None:
    """Adds the memory of the API's fullest process after a million events, beside that after ten thousand."""
    body = batch_body(folder_of(settings) / "batch.json", BATCH)

    def send(events: int) -> float:
        apache_bench(f"{settings.api_url}/v1/events", events // BATCH, BATCH_CONNECTIONS, body)
        return max(p.memory_info().rss for p in stack_processes(settings.state)["api"]) / 2**20

    before, after = send(10_000), send(990_000)
    table.add(
        Figure(
            "memory of the API's fullest process after 1,000,000 events",
            "after 10,000",
            "MiB",
            (after,),
            (before,),
            wanted=1.1,
            at_most=True,
        )
    )
