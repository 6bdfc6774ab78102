"""If Kafka lost what the ledger expects, the drain fails, moves nothing, and goes on once the loss is accepted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions

from lakehouse.catalog.topics import create_topics
from tests.real import Real, event

pytestmark = pytest.mark.timeout(600)
WAIT_SECONDS = 150  # the broker looks every half minute what is to be deleted
ACCEPT = ("--who", "tester", "--why", "the messages are gone for good")


@contextmanager
def admin(stack: Real) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=stack.settings.kafka_bootstrap)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def retention(client: KafkaAdminClient, milliseconds: int) -> Iterator[None]:
    """Keeps messages of `events` for so long only, then for a week again."""

    def keep(value: int) -> None:
        configs = {"retention.ms": str(value), "segment.ms": str(value)}
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "events", configs=configs)])

    keep(milliseconds)
    try:
        yield
    finally:
        keep(7 * 24 * 3_600_000)


def refused(stack: Real) -> str:
    """What the drain says as it refuses; it must move nothing."""
    before = moved(stack)
    process = stack.start("drain")
    output, _ = process.communicate(timeout=120)
    assert process.returncode != 0, output
    assert "OffsetsError" in output
    assert "lakehouse accept-loss" in output
    assert moved(stack) == before
    return output


def moved(stack: Real) -> tuple[int, ...]:
    return stack.value("select max(entry_id) from ops.ledger"), stack.value("select count(*) from raw.events")


def goes_on(stack: Real) -> None:
    """After accepting the loss an ingest takes what is new, and everything adds up."""
    stack.run("accept_loss", *ACCEPT)
    sent = stack.produce(*[event("default")] * 1)
    stack.ingest()
    assert list(stack.places(sent).values()) == [["default_events"]]
    stack.check_invariants()


def test_offsets_that_expired_before_they_were_read(stack: Real) -> None:
    """Retention is set to a moment; what was sent is deleted by the broker itself before a drain saw it."""
    stack.ingest()
    sent = stack.produce(*[event() for _ in range(30)])
    places = {TopicPartition("events", p): -2 for _, p, _ in sent}
    last = {at: max(o for _, p, o in sent if p == at.partition) for at in places}
    with admin(stack) as client, retention(client, milliseconds=100):
        until = time.monotonic() + WAIT_SECONDS
        while any(client.list_partition_offsets(places)[at].offset <= last[at] for at in places):
            assert time.monotonic() < until, "the broker deleted nothing"
            time.sleep(1)
    said = refused(stack)
    for at in places:
        first = min(o for _, p, o in sent if p == at.partition)
        assert f"events-{at.partition}: offsets [{first}, {last[at] + 1}) expired before they were read" in said
    assert set(map(tuple, stack.places(sent).values())) == {()}
    goes_on(stack)
    newest = "select who, why, cardinality(ranges) as n from ops.losses order by loss_id desc limit 1"
    (loss,) = stack.query(newest)
    assert loss == {"who": "tester", "why": "the messages are gone for good", "n": len(places)}


def test_a_batch_that_was_planned_but_not_read_before_it_expired(stack: Real) -> None:
    sent = stack.produce(*[event("default")] * 1, *[event() for _ in range(5)])
    stack.run_killed("drain", "after_plan")
    with admin(stack) as client:
        ends = {TopicPartition("events", p): max(o for _, q, o in sent if q == p) + 1 for _, p, _ in sent}
        client.delete_records(ends)
    said = refused(stack)
    assert "expired before they were read" in said
    goes_on(stack)
    assert set(map(tuple, stack.places(sent).values())) == {()}


def test_a_topic_that_was_deleted_and_made_again(stack: Real) -> None:
    stack.ingest()
    stack.produce(event())
    with admin(stack) as client:
        client.delete_topics(["events"])
        until = time.monotonic() + WAIT_SECONDS
        while any(not topic["error_code"] for topic in client.describe_topics(["events"])):
            assert time.monotonic() < until
            time.sleep(0.5)
    said = refused(stack)
    assert "the topic is gone" in said
    create_topics(stack.settings, stack.contracts)
    sent = stack.produce(event("default"))
    assert "the topic was deleted and made again" in refused(stack)
    goes_on(stack)
    assert list(stack.places(sent).values()) == [["default_events"]]


def test_a_loss_is_not_accepted_if_it_is_another_than_was_shown(stack: Real) -> None:
    process = stack.start("accept_loss", *ACCEPT, "--expected", "events-0 [0, 5)")
    output, _ = process.communicate(timeout=100)
    assert "there is no loss to accept" in output
    assert process.returncode == 0


def test_partitions_that_are_added_are_read_from_their_beginning(stack: Real) -> None:
    with admin(stack) as client:
        now = len(client.describe_topics(["MessageHistory"])[0]["partitions"])
        client.create_partitions({"MessageHistory": NewPartitions(total_count=now + 2)})
        until = time.monotonic() + WAIT_SECONDS
        while len(client.describe_topics(["MessageHistory"])[0]["partitions"]) < now + 2:
            assert time.monotonic() < until
            time.sleep(0.5)
    sent = stack.produce(*[event("message", text="hi") for _ in range(30)], topic="MessageHistory", spread=True)
    assert {partition for _, partition, _ in sent} == set(range(now + 2))
    stack.ingest()
    assert set(map(tuple, stack.places(sent).values())) == {("messages",)}
    stack.check_invariants()
