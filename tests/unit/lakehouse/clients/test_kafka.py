"""Requests to Kafka about its logs, and what is made of the answers, on stub clients."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import confluent_kafka
import kafka
import pytest
from confluent_kafka import KafkaError, KafkaException
from kafka.protocol.consumer import IsolationLevel, OffsetSpec

from lakehouse.catalog.topics import create_topics
from lakehouse.clients import kafka as client_module
from lakehouse.clients import kafka_reader
from lakehouse.clients.kafka import admin, first_times, group_offsets, offsets_from, read_logs, retention_ms
from lakehouse.clients.kafka_reader import consumer_at, offsets_with_message
from lakehouse.contract.load import load_contracts
from lakehouse.ledger.offsets import Log, OffsetRange, OffsetsError, TopicPartition
from lakehouse.settings import Settings

A0, A1, B0 = (TopicPartition(topic, f"id-{topic}", n) for topic, n in (("a", 0), ("a", 1), ("b", 0)))
SETTINGS = Settings(kafka_bootstrap="kafka:1", topic_partitions=4, topic_replication=2)


def described(topic: str, *partitions: int, error_code: int = 0) -> dict[str, Any]:
    listed = [{"partition_index": partition} for partition in partitions]
    return {"name": topic, "topic_id": f"id-{topic}", "error_code": error_code, "partitions": listed}


def key(at: TopicPartition) -> Any:
    return kafka.TopicPartition(at.topic, at.partition)


class Admin:
    """In place of kafka-python's admin client: keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.topics: list[dict[str, Any]] = []
        self.offsets: dict[Any, dict[Any, int]] = {}
        self.there: list[str] = []
        self.closed = 0

    def given_for_any(self, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
        """Whoever makes a client gets this one. Returns what they were made with."""
        made: list[dict[str, Any]] = []

        def make(**given: Any) -> Admin:
            made.append(given)
            return self

        monkeypatch.setattr(kafka, "KafkaAdminClient", make)
        return made

    def describe_topics(self, topics: list[str]) -> list[dict[str, Any]]:
        self.asked.append(topics)
        return self.topics

    def list_partition_offsets(self, asked: dict[Any, Any], isolation_level: Any) -> dict[Any, Any]:
        self.asked.append((asked, isolation_level))
        return {each: SimpleNamespace(offset=self.offsets[spec][each]) for each, spec in asked.items()}

    def list_group_offsets(self, asked: dict[str, list[Any]]) -> dict[str, Any]:
        self.asked.append(asked)
        return {"lakehouse": {key(A0): SimpleNamespace(offset=0), key(A1): SimpleNamespace(offset=-1)}}

    def describe_configs(self, asked: list[Any], config_filter: str) -> dict[str, Any]:
        self.asked.append(([(each.resource_type.name, each.name, each.configs) for each in asked], config_filter))
        return {"topic": {"a": {"retention.ms": {"value": "7200000"}}, "b": {}}}

    def list_topics(self) -> list[str]:
        return self.there

    def create_topics(self, topics: dict[str, Any]) -> None:
        self.asked.append(topics)

    def close(self) -> None:
        self.closed += 1


def test_an_admin_client_gives_up_after_20_seconds_and_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Admin()
    made = client.given_for_any(monkeypatch)
    with pytest.raises(ZeroDivisionError), admin(SETTINGS) as given:
        assert given is client
        raise ZeroDivisionError
    told = {"client_id": "lakehouse", "request_timeout_ms": 20_000, "bootstrap_timeout_ms": 20_000}
    assert made == [{"bootstrap_servers": "kafka:1", **told}] and client.closed == 1


def test_logs_are_from_the_first_offset_to_the_last_that_is_committed() -> None:
    client = Admin()
    client.topics = [described("b", 0), described("a", 0, 1)]
    client.offsets = {
        OffsetSpec.EARLIEST: {key(A0): 1, key(A1): 2, key(B0): 3},
        OffsetSpec.LATEST: {key(A0): 11, key(A1): 12, key(B0): 13},
    }
    found = read_logs(client, ("b", "a"), {"c"})
    assert found == [Log(B0, 3, 13), Log(A0, 1, 11), Log(A1, 2, 12)]
    committed = IsolationLevel.READ_COMMITTED
    assert client.asked[0] == ["a", "b", "c"]
    assert [isolation for _, isolation in client.asked[1:]] == [committed, committed]


def test_a_topic_that_is_not_there_is_said_unless_it_may_be_gone() -> None:
    client = Admin()
    client.topics = [described("a", 0, error_code=3), described("b", error_code=3)]
    assert read_logs(client, ("a",), {"a", "b"}) == []
    with pytest.raises(OffsetsError) as raised:
        read_logs(client, ("b", "a"))
    assert str(raised.value) == (
        "Kafka has no topic a, b; nothing was moved. No ingest has read of it so far: `make up` makes it (on a cluster: "
        "`lakehouse bootstrap`), then ingest goes on."
    )


def test_offsets_of_a_time_are_the_ends_where_nothing_is_so_late() -> None:
    client, time = Admin(), dt.datetime(2026, 3, 4, 0, 0, 0, 1500, tzinfo=dt.UTC)
    client.offsets = {1772582400001: {key(A0): 0, key(A1): -1}}
    assert offsets_from(client, [Log(A0, 0, 9), Log(A1, 0, 7)], time) == {A0: 0, A1: 7}
    assert offsets_from(client, [], time) == {}
    assert len(client.asked) == 1


def test_a_group_tells_only_what_it_knows() -> None:
    client = Admin()
    assert group_offsets(client, "lakehouse", [A0, A1]) == {A0: 0}
    assert group_offsets(client, "other", [A0]) == {}
    assert client.asked == [{"lakehouse": [key(A0), key(A1)]}, {"other": [key(A0)]}]


def test_retention_is_asked_once_a_topic() -> None:
    client = Admin()
    assert retention_ms(client, ["b", "a", "b"]) == {"a": 7_200_000}
    names = ["retention.ms"]
    assert client.asked == [([("TOPIC", "a", names), ("TOPIC", "b", names)], "all")]


def test_topics_that_are_not_there_are_made_and_the_client_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Admin()
    made = client.given_for_any(monkeypatch)
    contracts = load_contracts(SETTINGS.contracts)
    assert create_topics(SETTINGS, contracts) == ["MessageHistory", "events", "probe"]
    events = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": "4194304"}
    probe = {"retention.ms": "60000", "segment.ms": "60000", "max.message.bytes": "1024"}
    assert client.asked == [
        {
            "MessageHistory": {"num_partitions": 4, "replication_factor": 2, "configs": events},
            "events": {"num_partitions": 4, "replication_factor": 2, "configs": events},
            "probe": {"num_partitions": 1, "replication_factor": 2, "configs": probe},
        }
    ]
    client.there = ["probe", "events", "MessageHistory", "other"]
    assert create_topics(SETTINGS, contracts) == [] and len(client.asked) == 1
    assert client.closed == 2
    assert made == [{"bootstrap_servers": "kafka:1", "request_timeout_ms": 20_000}] * 2


class Message:
    """A message, or a report, as librdkafka gives it."""

    def __init__(self, at: TopicPartition, offset: int = 0, seconds: int = 0, error: int | None = None) -> None:
        self.topic, self.partition, self.offset = (lambda: at.topic), (lambda: at.partition), (lambda: offset)
        self.error = lambda: None if error is None else KafkaError(error, "damaged")
        self.timestamp = lambda: (1, seconds * 1000 + 500)


class Consumer:
    """In place of librdkafka's consumer: gives these messages; each poll takes a second of its clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *messages: Message | None) -> None:
        self.messages = list(messages)
        self.paused: list[tuple[str, int]] = []
        self.polls: list[float] = []
        self.opened: list[Any] = []
        self.now = 100.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)

    def poll(self, seconds: float) -> Message | None:
        self.polls.append(seconds)
        self.now += 1
        return self.messages.pop(0) if self.messages else None

    def pause(self, partitions: list[Any]) -> None:
        self.paused += [(each.topic, each.partition) for each in partitions]

    @contextmanager
    def open(self, *given: Any) -> Iterator[Consumer]:
        self.opened.append(given)
        yield self


def test_first_times_are_read_until_all_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    eof = KafkaError._PARTITION_EOF
    consumer = Consumer(
        monkeypatch, Message(A0, 5, 10), None, Message(A0, 6, 20), Message(A1, 9, error=eof), Message(B0, 1, 30)
    )
    monkeypatch.setattr(client_module, "consumer_at", consumer.open)
    places = {A0: 5, A1: 9, B0: 0}
    found = first_times(SETTINGS, places, seconds=9)
    assert {at: time.timestamp() for at, time in found.items()} == {A0: 10.5, B0: 30.5}
    assert consumer.paused == [("a", 0), ("b", 0)]
    assert consumer.opened == [(SETTINGS, places, {"fetch.message.max.bytes": 1024, "queued.min.messages": 1})]
    assert consumer.polls == [9, 8, 7, 6, 5]


def test_first_times_that_do_not_come_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = Consumer(monkeypatch)
    monkeypatch.setattr(client_module, "consumer_at", consumer.open)
    assert first_times(SETTINGS, {A0: 5}) == {} and consumer.polls == [5, 4, 3, 2, 1]


def test_first_times_of_what_cannot_be_read_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = Consumer(monkeypatch, Message(A0, error=KafkaError._BAD_MSG))
    monkeypatch.setattr(client_module, "consumer_at", consumer.open)
    with pytest.raises(KafkaException):
        first_times(SETTINGS, {A0: 5})


def test_a_consumer_reads_what_is_committed_from_these_offsets_on_and_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    did: list[Any] = []

    class Client:
        def __init__(self, options: dict[str, Any], logger: Any) -> None:
            did.append((options, logger))

        def assign(self, partitions: list[Any]) -> None:
            did.append([(each.topic, each.partition, each.offset) for each in partitions])

        def close(self) -> None:
            did.append("closed")

    monkeypatch.setattr(confluent_kafka, "Consumer", Client)
    with pytest.raises(ZeroDivisionError), consumer_at(SETTINGS, {A0: 5, B0: 0}, {"x": 1, "client.id": "mine"}):
        raise ZeroDivisionError
    options = {
        "bootstrap.servers": "kafka:1",
        "client.id": "mine",
        "group.id": "lakehouse-reader",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 10,
        "x": 1,
    }
    assert did == [(options, logging.getLogger("kafka")), [("a", 0, 5), ("b", 0, 0)], "closed"]


WANTED = OffsetRange(A0, 3, 6)


def reading(monkeypatch: pytest.MonkeyPatch, *messages: Message | None) -> Consumer:
    consumer = Consumer(monkeypatch, *messages)
    monkeypatch.setattr(kafka_reader, "consumer_at", consumer.open)
    return consumer


def test_offsets_are_those_of_the_messages_in_the_range(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = reading(
        monkeypatch, Message(A0, 2), Message(A0, 3), None, Message(A0, 5), Message(A0, 6), Message(A0, 7)
    )
    assert list(offsets_with_message(SETTINGS, WANTED)) == [3, 5]
    assert consumer.polls == [0.5] * 5
    ((settings, places, options),) = consumer.opened
    assert (settings, places) == (SETTINGS, {A0: 3})
    assert options["statistics.interval.ms"] == 500 and set(options) == {"stats_cb", "statistics.interval.ms"}


def test_the_end_of_the_log_behind_the_range_is_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    reading(monkeypatch, Message(A0, 3), Message(A0, 6, error=KafkaError._PARTITION_EOF))
    assert list(offsets_with_message(SETTINGS, WANTED)) == [3]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            Message(A0, 5, error=KafkaError._PARTITION_EOF),
            "a-0 [3, 6): Kafka's log ends at 5 for a reader of committed messages; if it was cut off, `lakehouse accept-loss` "
            "records what is missing, then ingest goes on",
        ),
        (
            Message(A0, 5, error=KafkaError._BAD_MSG),
            "a-0 [3, 6): Kafka cannot say what these offsets hold: damaged; run again",
        ),
    ],
)
def test_what_kafka_cannot_say_is_an_error(monkeypatch: pytest.MonkeyPatch, message: Message, words: str) -> None:
    reading(monkeypatch, message)
    with pytest.raises(OffsetsError) as raised:
        list(offsets_with_message(SETTINGS, WANTED))
    assert str(raised.value) == words


def test_a_kafka_without_a_step_further_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = reading(monkeypatch)
    with pytest.raises(OffsetsError) as raised:
        list(offsets_with_message(SETTINGS, WANTED, 10))
    assert str(raised.value) == (
        "a-0: Kafka did not say for 10 s what the offsets from 3 on hold, of a-0 [3, 6); nothing was decided, run again "
        "once it answers"
    )
    assert consumer.now == 111


def test_steps_that_deliver_nothing_are_steps_by_the_clients_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = reading(monkeypatch, *[None] * 8, Message(A0, 4), *[None] * 8)
    poll = consumer.poll

    def told(seconds: float) -> Message | None:
        note = consumer.opened[0][2]["stats_cb"]
        if len(consumer.polls) == 4:
            note('{"topics": {"a": {"partitions": {"0": {"next_offset": 5}, "1": {"next_offset": 9}}}}}')
            note('{"topics": {"a": {"partitions": {"0": {"next_offset": 4}}}}}')
        note('{"topics": {}}')
        note('{"topics": {"a": {"partitions": {}}}}')
        return poll(seconds)

    monkeypatch.setattr(consumer, "poll", told)
    with pytest.raises(OffsetsError, match="from 5 on hold"):
        for _ in offsets_with_message(SETTINGS, WANTED, 5):
            pass
    assert consumer.now == 115  # the fifth poll and the ninth were steps
