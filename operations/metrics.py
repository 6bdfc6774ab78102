"""What Prometheus is told of the pipeline: how far ingest is, what waits, how fresh tables are, Spark's memory.

Each part that is asked (Trino, Kafka, Spark) is asked beside the others, and its answer is kept for some seconds. A part
that does not answer is `lakehouse_up 0` and has no other metric: an old value would look as if all were well.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
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

KEEP_SECONDS = 15.0  # for which an answer is kept, from when it came
ANSWER_SECONDS = 8.0  # that a scrape waits for answers; Prometheus waits for 10 by default
LATE_SECONDS = 90.0  # so old, an answer that came late is of no use: as of a scrape a minute ago
_PLACE = ("topic", "partition")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """A server that is asked, under the name that `lakehouse_up` gives it. Whatever `ask` raises means «down»."""

    name: str
    ask: Callable[[], list[Metric]]


class _Question:
    """One question to a part, on its way or answered; `before`: the question before it, if that one's answer came late."""

    def __init__(self, pool: ThreadPoolExecutor, part: Part, before: _Question | None) -> None:
        self.before = before
        self.asked_at = time.monotonic()
        self.ended_at = math.inf  # when the answer came, or the error
        self.answer = pool.submit(self._ask, part)

    def _ask(self, part: Part) -> list[Metric]:
        try:
            return part.ask()
        except Exception as error:  # of any kind, since a scrape must be answered
            log.warning("%s does not answer: %s", part.name, words_of(error))
            raise
        finally:
            self.ended_at = time.monotonic()

    @property
    def age(self) -> float:
        """Seconds since the answer came; less than 0 before that."""
        return time.monotonic() - self.ended_at

    @property
    def took(self) -> float:
        return self.ended_at - self.asked_at

    def good(self) -> list[Metric] | None:
        """The answer, if it is there and no error."""
        return self.answer.result() if self.answer.done() and not self.answer.exception() else None


class Exporter(Collector):
    """Answers scrapes: at once with what is kept, else with what the parts answer in time.

    A part that answers each time, but later than a scrape can wait, is up: its last answer counts while the next one is on
    its way, until that one is late too. So each such answer is told, and one that no longer comes is missed.
    """

    def __init__(
        self, parts: Iterable[Part], keep_seconds: float = KEEP_SECONDS, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        self._parts = tuple(parts)
        self._keep_seconds = keep_seconds
        self._answer_seconds = answer_seconds
        self._pool = ThreadPoolExecutor(len(self._parts), "ask")
        self._asked: dict[str, _Question] = {}
        self._lock = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        began = time.monotonic()
        with self._lock:
            questions = {part.name: self._question(part) for part in self._parts}
        wait([each.answer for each in questions.values()], timeout=self._answer_seconds)
        up = GaugeMetricFamily(
            "lakehouse_up", "Whether this part of the lakehouse answered (1) or not (0).", labels=["part"]
        )
        for name, question in questions.items():
            told = self._told(question, began)
            up.add_metric([name], float(told is not None))
            yield from told or ()
        yield up

    def _question(self, part: Part) -> _Question:
        """The one whose answer is kept or on its way, or a new one."""
        last = self._asked.get(part.name)
        if last is None or last.age > self._keep_seconds:
            late = last is not None and last.took > self._answer_seconds
            self._asked[part.name] = _Question(self._pool, part, last if late else None)
            if last is not None:
                last.before = None  # else no answer would ever be forgotten
        return self._asked[part.name]

    def _told(self, question: _Question, began: float) -> list[Metric] | None:
        """What the scrape that began then is told; None: the part is down."""
        before = question.before
        if question.answer.done() or before is None:
            return question.good()
        overdue = began - question.asked_at > self._answer_seconds
        return None if overdue or before.age > LATE_SECONDS else before.good()


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
