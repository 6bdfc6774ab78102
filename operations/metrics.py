"""What Prometheus is told of the pipeline: how far ingest is, what waits, how fresh tables are, Spark's memory.

Each part that is asked (Trino, Kafka, Spark) is asked beside the others, and its answer is kept for some seconds. A part
that does not answer is `lakehouse_up 0` and has no other metric: an old value would look as if all were well.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lakehouse.clients.spark import check_answers
from lakehouse.clients.trino import query
from lakehouse.ledger.vocabulary import Kind, Step, Verdict
from lakehouse.settings import Settings
from lakehouse.texts import words_of
from operations.ingest_status import last_batch, open_entry, partitions, quarantine_open
from stack.processes import memory_bytes, stack_processes
from stack.services import SPARK_LIMIT_MB

KEEP_SECONDS = 15.0  # for which an answer is kept
ANSWER_SECONDS = 8.0  # that a scrape waits for answers; Prometheus waits for 10 by default
_PLACE = ("topic", "partition")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """A server that is asked, under the name that `lakehouse_up` gives it. Whatever `ask` raises means «down»."""

    name: str
    ask: Callable[[], list[Metric]]


class Exporter(Collector):
    """Answers scrapes: at once with what is kept, else with what the parts answer in time."""

    def __init__(
        self, parts: Iterable[Part], keep_seconds: float = KEEP_SECONDS, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        self._parts = tuple(parts)
        self._keep_seconds = keep_seconds
        self._answer_seconds = answer_seconds
        self._pool = ThreadPoolExecutor(len(self._parts), "ask")
        self._asked: dict[str, tuple[float, Future[list[Metric]]]] = {}
        self._lock = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            answers = {part.name: self._answer(part) for part in self._parts}
        wait(answers.values(), timeout=self._answer_seconds)
        up = GaugeMetricFamily(
            "lakehouse_up", "Whether this part of the lakehouse answered (1) or not (0).", labels=["part"]
        )
        for name, answer in answers.items():
            in_time = answer.done() and not answer.exception()
            up.add_metric([name], float(in_time))
            if in_time:
                yield from answer.result()
        yield up

    def _answer(self, part: Part) -> Future[list[Metric]]:
        """What is kept, what is on its way, or a new question."""
        asked_at, answer = self._asked.get(part.name, (0.0, None))
        if answer is None or (answer.done() and time.monotonic() - asked_at > self._keep_seconds):
            answer = self._pool.submit(_ask, part)
            self._asked[part.name] = time.monotonic(), answer
        return answer


def _ask(part: Part) -> list[Metric]:
    try:
        return part.ask()
    except Exception as error:  # of any kind, since a scrape must be answered
        log.warning("%s does not answer: %s", part.name, words_of(error))
        raise


def exporter(settings: Settings) -> Exporter:
    """Spark is asked if it is a server, and not a part of each job."""
    parts = [Part("trino", lambda: trino_metrics(settings)), Part("kafka", lambda: kafka_metrics(settings))]
    if remote := settings.spark_remote:
        parts.append(Part("spark", lambda: spark_metrics(settings, remote)))
    return Exporter(parts)


def trino_metrics(settings: Settings) -> list[Metric]:
    """What the tables say. Raises QueryError."""
    now = dt.datetime.now(dt.UTC)
    return [*_entries(settings, now), *_quarantine(settings), *_freshness(settings)]


def _entries(settings: Settings, now: dt.datetime) -> Iterator[Metric]:
    if batch := last_batch(settings):
        yield _gauge("lakehouse_last_batch_id", "Number of the newest ingest in the ledger.", batch.entry_id)
        yield _gauge(
            "lakehouse_last_batch_timestamp_seconds",
            "When the newest ingest came to its status, in seconds since 1970.",
            batch.at.timestamp(),
        )
        yield _gauges(
            "lakehouse_last_batch_info",
            "Status of the newest ingest, and the verdict of its audit («none» before there is one).",
            ("status", "verdict"),
            {(batch.status, batch.verdict or "none"): 1},
        )
    entry = open_entry(settings)
    yield _gauge(
        "lakehouse_open_entry_age_seconds",
        "Age of the oldest ledger entry that is neither done nor abandoned; 0 without one.",
        (now - entry.since).total_seconds() if entry else 0,
    )
    batches = CounterMetricFamily(
        "lakehouse_batches", "Decided ingests, by the verdict of their audit.", labels=["verdict"]
    )
    decided = query(
        settings,
        "select verdict, count(*) as batches from ops.ledger "
        f"where kind = '{Kind.INGEST}' and step = '{Step.DECIDED}' group by 1",
    )
    numbers = {row["verdict"]: row["batches"] for row in decided}
    for verdict in Verdict:
        batches.add_metric([verdict], numbers.get(verdict, 0))
    yield batches


def _quarantine(settings: Settings) -> Iterator[Metric]:
    waiting = quarantine_open(settings)
    yield _gauge("lakehouse_quarantine_open_messages", "Messages that are open in quarantine.", sum(waiting.values()))
    yield _gauges(
        "lakehouse_quarantine_open_by_reason_messages",
        "Messages that are open in quarantine, by reason code.",
        ("reason",),
        {(reason,): number for reason, number in waiting.items()},
    )


def _freshness(settings: Settings) -> Iterator[Metric]:
    rows = query(
        settings,
        "select table_name, complete_through, lag_seconds from ops.freshness where complete_through is not null",
    )
    yield _gauges(
        "lakehouse_table_complete_through_timestamp_seconds",
        "Until when nothing of the table is missing, in seconds since 1970.",
        ("table",),
        {(row["table_name"],): row["complete_through"].timestamp() for row in rows},
    )
    yield _gauges(
        "lakehouse_table_lag_seconds",
        "Seconds since then.",
        ("table",),
        {(row["table_name"],): row["lag_seconds"] for row in rows},
    )


def kafka_metrics(settings: Settings) -> list[Metric]:
    """What is unread. Raises KafkaError, OSError or OffsetsError."""
    now = dt.datetime.now(dt.UTC)
    found = {(each.topic, str(each.partition)): each for each in partitions(settings)}
    ages: dict[tuple[str, ...], float] = {place: 0.0 for place, each in found.items() if not each.unread}
    ages |= {place: (now - each.oldest).total_seconds() for place, each in found.items() if each.oldest}
    return [
        _gauges(
            "lakehouse_unread_messages",
            "Messages in Kafka that no done ingest has brought.",
            _PLACE,
            {place: each.unread for place, each in found.items()},
        ),
        _gauges(
            "lakehouse_unread_oldest_age_seconds",
            "Seconds since the broker took the first of them: how far ingest lags. 0 without one.",
            _PLACE,
            ages,
        ),
        _gauges(
            "lakehouse_unread_expires_seconds",
            "Seconds until Kafka may delete the first of them; none if never, or without one.",
            _PLACE,
            {place: each.expires_hours * 3600 for place, each in found.items() if each.expires_hours is not None},
        ),
    ]


def spark_metrics(settings: Settings, remote: str) -> list[Metric]:
    """Raises SparkUnavailable. Its memory is known if it runs on this machine, in this stack."""
    check_answers(remote)
    processes = stack_processes(settings.state).get("spark", [])
    if not processes:
        return []
    held = "Memory of the Spark server and its Python workers; what processes share counts once."
    return [
        _gauge("lakehouse_spark_memory_bytes", held, memory_bytes(processes)),
        _gauge("lakehouse_spark_memory_limit_bytes", "What it should never exceed.", SPARK_LIMIT_MB * 1_000_000),
    ]


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _gauges(name: str, about: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=labels)
    for given, value in values.items():
        family.add_metric(given, value)
    return family
