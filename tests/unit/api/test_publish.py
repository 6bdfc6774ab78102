"""The publisher: what it says of messages whatever becomes of them, and of the broker."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import pytest
from confluent_kafka import KafkaError

from api import publish
from api.events import Message
from api.publish import Publisher, Receipt, kafka_producer
from lakehouse.settings import Settings
from tests.unit.api.conftest import Broker


def message(topic: str = "events", size: int = 10) -> Message:
    return Message(topic, b"p", b"x" * size, "id", "default")


def ended(publisher: Publisher) -> None:
    """Stops the serving thread and sees that it ends."""
    publisher.stop()
    assert publisher._watch is not None
    publisher._watch.join(10)
    assert not publisher._watch.is_alive() and not publisher.ready()


def test_a_receipt_is_done_when_every_message_was_reported_whatever_the_order() -> None:
    receipt, done = Receipt(3), threading.Event()
    receipt.when_done(done.set)
    receipt.note(2, None)
    receipt.note(0, "refused")
    assert not done.is_set() and not receipt.wait(0)
    receipt.when_done(done.set)
    receipt.note(1, None)
    assert done.is_set() and receipt.wait(0)
    assert receipt.acknowledged == [False, True, True]


def test_a_receipt_of_nothing_is_done_at_once() -> None:
    assert Receipt(0).wait(0)


def test_a_receipt_counts_right_from_many_threads() -> None:
    receipt = Receipt(4_000)

    def note(first: int) -> None:
        for i in range(first, 4_000, 4):
            receipt.note(i, None)

    threads = [threading.Thread(target=note, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    assert receipt.wait(20)
    assert all(receipt.acknowledged)
    for thread in threads:
        thread.join()


def test_each_message_has_its_own_answer(publisher: Publisher, broker: Broker) -> None:
    broker.answers["MessageHistory"] = "refuses"
    publisher.start()
    receipt = publisher.publish([message(), message("MessageHistory"), message()])
    assert receipt.wait(0)
    assert receipt.acknowledged == [True, False, True]


def test_a_full_queue_gives_up_the_rest_at_once(publisher: Publisher, broker: Broker) -> None:
    publisher.start()
    broker.answers["events"], broker.room = "silent", 25
    receipt = publisher.publish([message(), message(), message(), message()])
    assert len(broker.messages) == 2
    assert not receipt.wait(0)  # the two that were taken are still under way
    broker.up = False
    publisher.probe()  # which gives up what is under way
    assert receipt.wait(0)
    assert receipt.acknowledged == [False] * 4


def test_what_is_under_way_fails_when_the_broker_is_lost_and_later_messages_are_not_queued(
    publisher: Publisher, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    publisher.start()
    broker.answers["events"] = "silent"
    receipt = publisher.publish([message()])
    broker.up = False
    with caplog.at_level(logging.ERROR):
        publisher.probe()
    assert receipt.wait(0) and receipt.acknowledged == [False]
    assert "broker lost" in caplog.messages
    assert not publisher.ready()
    assert publisher.publish([message()]).acknowledged == [False]
    assert len(broker.messages) == 1


def test_a_full_queue_is_no_loss(publisher: Publisher, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    publisher.start()
    produce, refusals = broker.produce, [BufferError("Local: Queue full")] * 3

    def full(*args: Any, **more: Any) -> None:
        if refusals:
            raise refusals.pop()
        produce(*args, **more)

    monkeypatch.setattr(broker, "produce", full)
    publisher.probe()
    assert publisher.ready() and broker.discarded == 0


def test_an_answer_that_came_while_other_reports_were_served_is_in_time(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([0.0, 0.0, 9.0, 9.0])
    publisher = Publisher(broker.connect, ack_timeout_seconds=1, probe_timeout_seconds=5, clock=lambda: next(times))
    polls = iter([False, True])
    poll = broker.poll
    monkeypatch.setattr(broker, "poll", lambda timeout: poll(timeout) if next(polls) else 0)
    publisher.probe()
    assert publisher.ready()


def test_a_request_that_took_the_old_producer_learns_of_its_end(publisher: Publisher, broker: Broker) -> None:
    publisher.start()
    old = publisher._producer
    broker.up = False
    publisher.probe()
    receipt = Receipt(1)
    assert old is not None
    old.produce("events", b"x", b"p", on_delivery=lambda error, _: receipt.note(0, error))
    assert not receipt.wait(0)
    publisher._give_up_dropped()
    assert receipt.wait(0) and receipt.acknowledged == [False]


def test_the_serving_thread_survives_what_nobody_thought_of(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.publish._PROBE_EVERY_SECONDS", 0.01)
    poll, failures = broker.poll, [RuntimeError("unexpected")] * 2
    publisher = Publisher(broker.connect, ack_timeout_seconds=5, probe_timeout_seconds=1)

    def failing(timeout: float) -> int:
        if publisher.ready() and failures:
            raise failures.pop()
        return int(poll(timeout))

    monkeypatch.setattr(broker, "poll", failing)
    publisher.start()
    for _ in range(500):
        if not failures and publisher.ready():
            break
        threading.Event().wait(0.01)
    assert not failures and publisher.ready()
    assert publisher.publish([message()]).wait(5)
    ended(publisher)


def test_the_serving_thread_asks_again_until_the_broker_is_back(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.publish._PROBE_EVERY_SECONDS", 0.01)
    broker.up = False
    publisher = Publisher(broker.connect, ack_timeout_seconds=5, probe_timeout_seconds=0.01)
    publisher.start()
    publisher.start()
    publisher.wait_for_probe()
    assert not publisher.ready()
    broker.up = True
    for _ in range(500):
        if publisher.ready():
            break
        threading.Event().wait(0.01)
    assert publisher.publish([message()]).wait(5)
    assert broker.connects == 1
    ended(publisher)


def test_a_probe_is_sent_once_however_long_its_answer_takes(
    publisher: Publisher, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    produce, poll, sent, polls = broker.produce, broker.poll, list[Any](), iter([False, False, True])

    def sending(*given: Any, **more: Any) -> None:
        sent.append(given)
        produce(*given, **more)

    monkeypatch.setattr(broker, "produce", sending)
    monkeypatch.setattr(broker, "poll", lambda timeout: poll(timeout) if next(polls) else 0)
    publisher.probe()
    assert publisher.ready() and sent == [("probe", b"probe", b"api")]


class Served(Publisher):
    """Stops at its second probe; each look at its clock takes a quarter of a second."""

    def __init__(self, producer: Any) -> None:
        self.now, self.probes, self.waits, self.given = 100.0, 0, list[float](), producer
        super().__init__(lambda: producer, ack_timeout_seconds=1, clock=self.clock)

    def clock(self) -> float:
        self.now += 0.25
        return self.now

    def probe(self) -> None:
        self.probes += 1
        self._producer = self.given
        if self.probes == 2:
            self.stop()


@pytest.mark.parametrize("reachable", [True, False])
def test_between_two_probes_a_second_apart_reports_are_served(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, reachable: bool
) -> None:
    served, polls, waits = Served(broker if reachable else None), list[float](), list[float]()

    def poll(timeout: float) -> int:
        polls.append(timeout)
        return 0

    monkeypatch.setattr(broker, "poll", poll)
    monkeypatch.setattr(served._stopped, "wait", waits.append)
    served._serve()
    assert served.probes == 2
    assert (polls, waits) == (([0.1] * 3, []) if reachable else ([], [0.75, 0.5, 0.25]))


class Made:
    """In place of confluent_kafka's producer."""

    def __init__(self, options: dict[str, Any], logger: logging.Logger) -> None:
        made.append((options, logger.name))

    def list_topics(self, topic: str, timeout: float) -> Any:
        made.append((topic, timeout))
        error = KafkaError(KafkaError._UNKNOWN_TOPIC) if topic == "gone" else None
        return type("Answer", (), {"topics": {topic: type("Topic", (), {"error": error})}})


made: list[Any] = []


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What the log's line says beside its message."""
    found: dict[str, Any] = record.__dict__["fields"]
    return found


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        ({}, {}),
        (
            {"ack_timeout_seconds": 0.015, "linger_ms": 0},
            {"delivery.timeout.ms": 15, "socket.timeout.ms": 10, "linger.ms": 0},
        ),
        ({"max_event_bytes": 2**20}, {"message.max.bytes": 2**20 + 2**16}),
    ],
)
def test_the_producer_waits_for_all_replicas_and_gives_up_in_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, settings: dict[str, Any], changed: dict[str, Any]
) -> None:
    made.clear()
    monkeypatch.setattr(publish, "ConfluentProducer", Made)
    with caplog.at_level(logging.ERROR):
        kafka_producer(Settings(kafka_bootstrap="kafka:1", **settings), ("events", "gone"))
    options = {
        "bootstrap.servers": "kafka:1",
        "client.id": "lakehouse-api",
        "acks": "all",
        "enable.idempotence": True,
        "allow.auto.create.topics": False,
        "topic.metadata.propagation.max.ms": 1000,
        "partitioner": "murmur2_random",
        "linger.ms": 3,
        "delivery.timeout.ms": 10_000,
        "socket.timeout.ms": 5_000,
        "message.max.bytes": 2**20,
        "queue.buffering.max.kbytes": 65_536,
        "queue.buffering.max.messages": 500_000,
        "reconnect.backoff.max.ms": 1000,
    }
    assert made == [(options | changed, "kafka"), ("events", 5.0), ("gone", 5.0)]
    ((record),) = caplog.records
    reason = str(KafkaError(KafkaError._UNKNOWN_TOPIC))
    assert fields_of(record) == {"topic": "gone", "reason": reason}


def test_a_receipt_keeps_the_first_reason() -> None:
    receipt = Receipt(3)
    receipt.note(0, "first")
    receipt.note(1, "second")
    receipt.give_up(1, "third")
    assert receipt.reason == "first" and receipt.wait(0)
    given_up = Receipt(2)
    given_up.give_up(2, "full")
    given_up.note(0, "late")
    assert given_up.reason == "full"


def test_what_is_not_sent_says_why(publisher: Publisher, broker: Broker) -> None:
    assert publisher.publish([message()]).reason == "broker lost"
    publisher.start()
    broker.answers["events"], broker.room = "silent", 15
    receipt = publisher.publish([message(), message(), message()])
    assert receipt.reason == "events: Local: Queue full"
    assert receipt.acknowledged == [False] * 3 and receipt._open == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("refuses", str(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))),
        ("silent", "no acknowledgement within 0.05 s"),
    ],
)
def test_a_probe_that_fails_says_why(
    publisher: Publisher,
    broker: Broker,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    reason: str,
) -> None:
    def poll(timeout: float) -> int:
        time.sleep(0.01)
        return 0

    publisher.probe()
    if answer == "silent":
        monkeypatch.setattr(broker, "poll", poll)
    broker.answers["probe"] = answer
    with caplog.at_level(logging.INFO):
        publisher.probe()
        publisher.probe()
    assert [(record.levelname, record.getMessage(), fields_of(record)) for record in caplog.records] == [
        ("ERROR", "broker lost", {"reason": reason})
    ]


def test_a_broker_is_said_to_be_reachable_once(
    publisher: Publisher, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        publisher.probe()
        publisher.probe()
        broker.up = False
        publisher._drop_producer()
        publisher.probe()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "broker reachable"),
        ("ERROR", "broker lost"),
    ]
    reason = fields_of(caplog.records[1])["reason"]
    assert reason.startswith("KafkaException: ")


def test_a_broker_that_was_never_there_is_said_to_be_lost_once(
    publisher: Publisher, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    broker.up = False
    with caplog.at_level(logging.INFO):
        publisher.probe()
        publisher.probe()
    assert caplog.messages == ["broker lost"]
