"""The time until an accepted event is visible, with a run of ingest_events each minute, and whether that grows."""

from __future__ import annotations

import time

from benchmarks.figures import Figure, Table
from benchmarks.loads import latencies, percentile
from benchmarks.runs import warm_up
from lakehouse.clients.trino import query
from lakehouse.settings import Settings
from stack.airflow_login import connect

PER_SECOND = 500
EVERY_SECONDS = 60.0
TABLE = "game.sword_purchases"
LAST_SECONDS = 300.0  # in which what was accepted last must have become visible


def measure(settings: Settings, table: Table, minutes: int) -> None:
    """Adds the freshness of single events, sent at PER_SECOND for so many minutes while Airflow publishes by schedule.

    An event counts from Kafka's time of it to the ledger's row that says that its batch is in the tables, which is
    written after the commit that makes it visible.
    """
    airflow = connect(settings)
    warm_up(settings, airflow, PER_SECOND)
    (before,) = query(settings, "select coalesce(max(entry_id), 0) as entry from ops.ledger")
    table.say(f"sending {PER_SECOND} events/s for {minutes} minutes")
    answered = len(latencies(f"{settings.api_url}/purchase_a_sword", PER_SECOND, minutes * 60))
    if answered < 0.99 * PER_SECOND * minutes * 60:
        raise RuntimeError(f"{answered:,} events were accepted, {PER_SECOND * minutes * 60:,} were due")
    until = time.monotonic() + LAST_SECONDS
    rows = _lags(settings, before["entry"])
    while (visible := sum(n for _, _, n in rows)) < answered:
        if time.monotonic() > until:
            raise RuntimeError(f"{answered:,} events were accepted, {visible:,} are visible")
        time.sleep(5)
        rows = _lags(settings, before["entry"])
    lags = sorted(lag for _, lag, n in rows for _ in range(n))
    first = sorted(lag for minute, lag, n in rows if minute < minutes / 3 for _ in range(n))
    last = sorted(lag for minute, lag, n in rows if minute >= minutes * 2 / 3 for _ in range(n))
    name = f"freshness, accepted to visible, p95, {PER_SECOND} events/s for {minutes} min"
    table.add(
        Figure(
            name,
            "the schedule's interval",
            "s",
            (percentile(lags, 0.95),),
            (EVERY_SECONDS,),
            wanted=1.5,
            at_most=True,
            note=f"p50 {percentile(lags, 0.5):.0f} s, at most {lags[-1]:.0f} s",
        )
    )
    table.add(
        Figure(
            "the same in the last third, median",
            "in the first third",
            "s",
            (percentile(last, 0.5),),
            (percentile(first, 0.5),),
            wanted=1.2,
            at_most=True,
        )
    )


def _lags(settings: Settings, after: int) -> list[tuple[int, float, int]]:
    """Of the entries behind `after`: minute since the first event, seconds until it was visible, how many events."""
    rows = query(
        settings,
        f"""
        with shown as (
          select e.kafka_timestamp as accepted, b.time as seen from {TABLE} e
          join ops.ledger b on b.entry_id = e.entry_id and b.step = 'done' where b.entry_id > {after})
        select date_diff('minute', (select min(accepted) from shown), accepted) as minute,
          date_diff('second', accepted, seen) as lag, count(*) as n
        from shown group by 1, 2 order by 1, 2
        """,
    )
    return [(row["minute"], float(row["lag"]), row["n"]) for row in rows]
