"""The exporter: what it tells of each part, what of a part that does not answer, and how often it asks."""

from __future__ import annotations

import datetime as dt
import logging
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client.core import GaugeMetricFamily, Metric

from lakehouse.clients.spark import SparkUnavailable
from lakehouse.clients.trino import QueryError
from lakehouse.ledger.offsets import OffsetsError
from lakehouse.settings import Settings
from operations import metrics
from operations.cli import main
from operations.metrics import Exporter, Part, exporter
from stack.services import SPARK_LIMIT_MB
from tests.unit.operations.exported import AGO, answering, scraped


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return answering(monkeypatch)


def test_everything_that_answers_is_told(servers: dict[str, Any]) -> None:
    found = scraped(exporter(Settings(spark_remote="sc://127.0.0.1:15002")))
    age = (dt.datetime.now(dt.UTC) - AGO).total_seconds()
    assert found.pop("lakehouse_open_entry_age_seconds") == pytest.approx({(): age}, abs=60)
    unread = {("0", "events"): age, ("1", "events"): 0.0}
    assert found.pop("lakehouse_unread_oldest_age_seconds") == pytest.approx(unread, abs=60)
    assert found == {
        "lakehouse_up": {("trino",): 1, ("kafka",): 1, ("spark",): 1},
        "lakehouse_last_batch_id": {(): 7},
        "lakehouse_last_batch_timestamp_seconds": {(): AGO.timestamp()},
        "lakehouse_last_batch_info": {("done", "failed"): 1},
        "lakehouse_batches_total": {("passed",): 6, ("failed",): 0, ("waived",): 0},
        "lakehouse_quarantine_open_messages": {(): 4},
        "lakehouse_quarantine_open_by_reason_messages": {("rule:red",): 3, ("not_json",): 1},
        "lakehouse_table_complete_through_timestamp_seconds": {("game.messages",): AGO.timestamp()},
        "lakehouse_table_lag_seconds": {("game.messages",): 600},
        "lakehouse_unread_messages": {("0", "events"): 5, ("1", "events"): 0},
        "lakehouse_unread_expires_seconds": {("0", "events"): 5400},
        "lakehouse_spark_memory_bytes": {(): 2_000},
        "lakehouse_spark_memory_limit_bytes": {(): SPARK_LIMIT_MB * 1_000_000},
    }


def test_an_empty_lakehouse_has_numbers_too(servers: dict[str, Any]) -> None:
    servers |= {"last_batch": None, "open_entry": None, "quarantine_open": {}, "decided": [], "fresh": []}
    found = scraped(exporter(Settings(spark_remote=None)))
    assert found["lakehouse_up"] == {("trino",): 1, ("kafka",): 1}
    assert found["lakehouse_open_entry_age_seconds"] == found["lakehouse_quarantine_open_messages"] == {(): 0}
    assert set(found["lakehouse_batches_total"].values()) == {0}
    assert "lakehouse_last_batch_id" not in found and "lakehouse_spark_memory_bytes" not in found


@pytest.mark.parametrize(
    ("question", "error", "part"),
    [
        ("fresh", QueryError("Trino does not\nanswer"), "trino"),
        ("partitions", OffsetsError("no topic"), "kafka"),
        ("partitions", RuntimeError("of a library's own kind"), "kafka"),
        ("spark", SparkUnavailable("refused"), "spark"),
    ],
)
def test_a_part_that_does_not_answer_is_down_and_the_others_are_told(
    servers: dict[str, Any], caplog: pytest.LogCaptureFixture, question: str, error: Exception, part: str
) -> None:
    servers[question] = error
    with caplog.at_level(logging.WARNING):
        found = scraped(exporter(Settings(spark_remote="sc://127.0.0.1:15002")))
    assert found["lakehouse_up"] == {(name,): float(name != part) for name in ("trino", "kafka", "spark")}
    shown = {
        "trino": "lakehouse_last_batch_id",
        "kafka": "lakehouse_unread_messages",
        "spark": "lakehouse_spark_memory_bytes",
    }
    assert {name for name, series in shown.items() if series in found} == set(shown) - {part}
    assert caplog.messages == [f"{part} does not answer: {type(error).__name__}: {' '.join(str(error).split())}"]


def test_of_a_spark_elsewhere_only_whether_it_answers_is_told(servers: dict[str, Any]) -> None:
    servers["processes"] = {}
    found = scraped(exporter(Settings(spark_remote="sc://spark:15002")))
    assert found["lakehouse_up"][("spark",)] == 1 and "lakehouse_spark_memory_bytes" not in found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [100.0]
    monkeypatch.setattr(metrics, "time", SimpleNamespace(monotonic=lambda: now[0]))
    yield now


def test_answers_are_kept_for_a_while_failures_too(clock: list[float]) -> None:
    asked = []

    def ask() -> list[Metric]:
        asked.append(clock[0])
        if len(asked) == 2:
            raise OSError("refused")
        return [GaugeMetricFamily("answers", "x", value=len(asked))]

    collector = Exporter([Part("it", ask)], keep_seconds=15)
    seen = []
    for seconds in (0, 15, 1, 15, 1):
        clock[0] += seconds
        found = scraped(collector)
        seen.append((found["lakehouse_up"][("it",)], found.get("answers", {}).get(())))
    assert asked == [100.0, 116.0, 132.0]
    assert seen == [(1, 1), (1, 1), (0, None), (0, None), (1, 3)]


def test_who_does_not_answer_in_time_is_down_and_not_asked_again_meanwhile(clock: list[float]) -> None:
    go_on, asked = threading.Event(), []

    def ask() -> list[Metric]:
        asked.append(1)
        go_on.wait(20)
        return [GaugeMetricFamily("late", "x", value=1)]

    collector = Exporter([Part("slow", ask), Part("quick", list)], answer_seconds=0.05)
    for _ in range(3):
        clock[0] += 100
        assert scraped(collector) == {"lakehouse_up": {("slow",): 0, ("quick",): 1}}
    go_on.set()
    assert collector._asked["slow"].answer.result(20) and len(asked) == 1


class Slow:
    """A part whose answers come when the test says so."""

    def __init__(self, clock: list[float]) -> None:
        self._clock = clock
        self.asked: list[float] = []
        self._waiting: list[threading.Event] = []
        self.error: Exception | None = None
        self.exporter = Exporter([Part("it", self.ask)], keep_seconds=15, answer_seconds=0.05)

    def ask(self) -> list[Metric]:
        number, come = len(self.asked), threading.Event()
        self.asked.append(self._clock[0])
        self._waiting.append(come)
        assert come.wait(20)
        if self.error is not None:
            raise self.error
        return [GaugeMetricFamily("answers", "x", value=number)]

    def answer(self, at: float) -> None:
        """The answer to the last question comes at this time."""
        self._clock[0] = at
        question = self.exporter._asked["it"]
        self._waiting[-1].set()
        with suppress(OSError):
            question.answer.result(20)

    def scraped(self, at: float) -> tuple[float, float | None]:
        """Whether it is up, and the number of its answer."""
        self._clock[0] = at
        found = scraped(self.exporter)
        return found["lakehouse_up"][("it",)], found.get("answers", {}).get(())


@pytest.fixture
def slow(clock: list[float]) -> Iterator[Slow]:
    part = Slow(clock)
    yield part
    part.answer(1e6)  # else its thread would wait


def test_a_part_that_answers_each_time_but_late_is_up(slow: Slow) -> None:
    seen = []
    for scrape in (100, 130, 160, 190):
        seen.append(slow.scraped(scrape))
        slow.answer(scrape + 9)
    assert seen == [(0, None), (1, 0), (1, 1), (1, 2)]
    assert slow.asked == [100, 130, 160, 190]  # once a scrape
    assert slow.scraped(199) == slow.scraped(214) == (1, 3)  # kept from when it came, not from the question
    assert len(slow.asked) == 4


def test_a_late_answer_counts_until_the_next_one_is_late_too(slow: Slow) -> None:
    slow.scraped(100)
    slow.answer(109)
    assert slow.scraped(130) == (1, 0)  # and asks anew, which nobody answers any more
    assert slow.scraped(130.01) == (1, 0)  # somebody else, at the same time
    assert slow.scraped(160) == slow.scraped(190) == (0, None)
    assert slow.asked == [100, 130]
    slow.answer(200)
    assert slow.scraped(201) == (1, 1)


def test_a_late_answer_does_not_count_for_ever(slow: Slow) -> None:
    slow.scraped(100)
    slow.answer(109)
    assert slow.scraped(200) == (0, None)
    slow.answer(201)
    assert slow.scraped(291) == (1, 1)


def test_an_error_that_comes_late_is_no_answer(slow: Slow) -> None:
    slow.error = OSError("refused")
    slow.scraped(100)
    slow.answer(109)
    assert slow.scraped(120) == slow.scraped(130) == (0, None)
    slow.error = None
    slow.answer(139)
    assert slow.scraped(160) == (1, 1)


def test_one_that_was_quick_is_missed_at_once(slow: Slow) -> None:
    slow.scraped(100)
    slow.answer(100)
    assert slow.scraped(110) == (1, 0)
    assert slow.scraped(130) == (0, None)


def test_the_command_serves_it(servers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("LAKEHOUSE_METRICS_PORT", str(port))
    read: list[str] = []

    def instead_of_waiting(thread: threading.Thread, timeout: float | None = None) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            read.append(answer.read().decode())

    monkeypatch.setattr(threading.Thread, "join", instead_of_waiting)
    result = CliRunner().invoke(main, ["metrics"])
    assert (result.exit_code, result.output) == (0, f"metrics at http://127.0.0.1:{port}/metrics\n")
    assert 'lakehouse_unread_messages{partition="0",topic="events"} 5.0' in read[0]


def test_a_port_that_is_in_use_is_one_line(servers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("LAKEHOUSE_METRICS_PORT", str(port))
        result = CliRunner().invoke(main, ["metrics"])
    assert (result.exit_code, result.output) == (
        1,
        f"Error: port {port} cannot be used (Address already in use); set LAKEHOUSE_METRICS_PORT\n",
    )
