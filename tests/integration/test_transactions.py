"""Transactions and codecs on a real Kafka: committed messages are published, aborted and open ones stop no others."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence

import pytest
from confluent_kafka import KafkaError, Message, Producer

from lakehouse.clients.kafka import admin, first_times, offsets_from, read_logs
from lakehouse.clients.kafka_reader import offsets_with_message
from lakehouse.ledger.offsets import Log, OffsetRange, OffsetsError, TopicPartition
from tests.real import Place, Real, event

pytestmark = pytest.mark.timeout(600)
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]  # all that Kafka has
ABORTED = 1_000
RUN_SECONDS = 120.0  # an ingest of a few messages is far quicker; asked one by one, the aborted ones took 500 s


def producer_of(stack: Real, codec: str) -> Producer:
    """A producer that has begun a transaction."""
    settings = {"transactional.id": f"tests-{codec}", "transaction.timeout.ms": 600_000, "compression.type": codec}
    producer = Producer({"bootstrap.servers": stack.settings.kafka_bootstrap, **settings})
    producer.init_transactions(30)
    producer.begin_transaction()
    return producer


def send(producer: Producer, values: Sequence[bytes], partition: int) -> list[Place]:
    """Sends messages to one partition of `events`. Returns their places once the broker has them."""
    places: list[Place] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        assert error is None, error
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None and partition is not None and offset is not None
        places.append((topic, partition, offset))

    for value in values:
        producer.produce("events", value, b"test", partition=partition, on_delivery=delivered)
    assert producer.flush(60) == 0
    return places


def swords(count: int) -> list[bytes]:
    return [event(color="red", quantity=n) for n in range(count)]


def partition_of(stack: Real, number: int) -> tuple[TopicPartition, int]:
    """A partition of `events` with its Kafka id, and its end for a reader of committed messages."""
    with admin(stack.settings) as client:
        (log,) = (each for each in read_logs(client, ["events"]) if each.at.partition == number)
    return log.at, log.end


def test_what_is_committed_is_published_whatever_its_codec_and_what_is_aborted_takes_no_time(stack: Real) -> None:
    committed: list[Place] = []
    aborted: list[Place] = []
    for codec in CODECS:
        producer = producer_of(stack, codec)
        committed += [*send(producer, swords(5), 0), *send(producer, swords(5), 1)]
        producer.commit_transaction(30)
        producer.begin_transaction()
        aborted += send(producer, swords(5), 0)  # in the midst of a partition
        producer.abort_transaction(30)
    beside = stack.produce(*swords(6), spread=True)
    producer = producer_of(stack, "snappy")
    aborted += send(producer, swords(ABORTED), 1)  # at its end
    producer.abort_transaction(30)

    began = time.monotonic()
    stack.ingest()
    seconds = time.monotonic() - began
    print(f"drained and published in {seconds:.1f} s")
    assert seconds < RUN_SECONDS
    assert set(map(tuple, stack.places(committed + beside).values())) == {("sword_purchases",)}
    here = f"select partition, \"offset\" from raw.events where topic_id = '{stack.topic_ids(['events'])['events']}'"
    offsets = {(row["partition"], row["offset"]) for row in stack.query(here)}
    assert {(p, o) for _, p, o in committed + beside} <= offsets
    assert {(p, o) for _, p, o in aborted} & offsets == set()
    stack.check_invariants()


def test_what_waits_behind_an_open_transaction_comes_once_it_ends(stack: Real) -> None:
    stack.ingest()
    at, end = partition_of(stack, 2)
    producer = producer_of(stack, "zstd")
    within = send(producer, swords(3), 2)
    between = dt.datetime.now(dt.UTC)
    behind = [place for place in stack.produce(*swords(3), spread=True) if place[1] == 2]
    beside = stack.produce(event("message", text="hi"), topic="MessageHistory")
    # for a reader of committed messages the log ends where the open transaction begins
    assert partition_of(stack, 2) == (at, end)
    with admin(stack.settings) as client:  # by which a day is complete: what is committed later makes it build again
        assert offsets_from(client, [Log(at, 0, end)], between) == {at: end}
    stack.ingest()
    assert set(map(tuple, stack.places(within + behind).values())) == {()}
    assert list(stack.places(beside).values()) == [["messages"]]
    producer.commit_transaction(30)
    stack.ingest()
    assert set(map(tuple, stack.places(within + behind).values())) == {("sword_purchases",)}
    stack.check_invariants()


def test_a_range_tells_at_which_offsets_there_is_a_message(stack: Real) -> None:
    at, start = partition_of(stack, 2)
    producer = producer_of(stack, "lz4")
    committed = send(producer, swords(3), 2)
    producer.commit_transaction(30)
    producer.begin_transaction()
    send(producer, swords(4), 2)
    producer.abort_transaction(30)
    at, end = partition_of(stack, 2)
    assert end == start + 3 + 1 + 4 + 1  # each transaction ends with a marker
    offsets = [offset for _, _, offset in committed]
    assert list(offsets_with_message(stack.settings, OffsetRange(at, start, end))) == offsets
    assert list(offsets_with_message(stack.settings, OffsetRange(at, start, start + 2))) == offsets[:2]
    assert list(offsets_with_message(stack.settings, OffsetRange(at, start + 3, end))) == []
    with pytest.raises(OffsetsError, match=f"Kafka's log ends at {end}"):
        list(offsets_with_message(stack.settings, OffsetRange(at, start, end + 1)))


@pytest.mark.parametrize("codec", CODECS)
def test_the_look_knows_when_a_message_of_any_codec_expires(stack: Real, codec: str) -> None:
    before = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=5)
    producer = producer_of(stack, codec)
    ((_, _, offset),) = send(producer, [event(color="red " * 200)], 0)
    producer.commit_transaction(30)
    at, end = partition_of(stack, 0)
    assert before < first_times(stack.settings, {at: offset})[at] <= dt.datetime.now(dt.UTC)
    assert first_times(stack.settings, {at: end - 1}) == {}  # the marker alone: nothing to expire


def test_after_all_transactions_everything_adds_up(stack: Real) -> None:
    stack.ingest()
    stack.check_invariants()
