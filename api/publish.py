"""Sends messages to Kafka and says of each whether the broker has acknowledged it."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from confluent_kafka import KafkaException
from confluent_kafka import Producer as ConfluentProducer

from api.events import Message
from lakehouse.contract.model import PROBE_TOPIC
from lakehouse.settings import Settings

_log = logging.getLogger(__name__)

_PROBE_EVERY_SECONDS = 1.0
_PROBE_TIMEOUT_SECONDS = 5.0  # with the pause between probes, the loss of the broker is known within 6 seconds
_POLL_SECONDS = 0.1  # at most: a delivery report ends the wait
_MAX_PENDING_KILOBYTES = 64 * 2**10  # of messages in this process that Kafka has not acknowledged
_MAX_PENDING_MESSAGES = 500_000

Delivered = Callable[[Any, Any], None]  # called with an error or None, and the message


class Producer(Protocol):
    """What we use of a Kafka producer. confluent_kafka.Producer is one.

    `produce` queues a message, or raises BufferError or KafkaException. `poll` waits for delivery reports and hands
    them to `on_delivery`. `purge` makes all undelivered messages fail; the next poll reports that.
    """

    def produce(self, topic: str, value: bytes, key: bytes, *, on_delivery: Delivered) -> None: ...
    def poll(self, timeout: float) -> int: ...
    def purge(self) -> None: ...


def kafka_producer(settings: Settings, topics: Sequence[str]) -> Producer:
    """Connects, and fetches the topics' metadata before the first event needs them.

    Raises:
        KafkaException: no broker answers.
    """
    producer = ConfluentProducer(producer_settings(settings), logger=logging.getLogger("kafka"))
    for topic in topics:
        error = producer.list_topics(topic, timeout=_PROBE_TIMEOUT_SECONDS).topics[topic].error
        if error is not None:
            _log.error("topic cannot be used", extra={"fields": {"topic": topic, "reason": str(error)}})
    return producer


def producer_settings(settings: Settings) -> dict[str, Any]:
    """As https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md names them."""
    delivery_ms = int(1000 * settings.ack_timeout_seconds)
    return {
        "bootstrap.servers": settings.kafka_bootstrap,
        "client.id": "lakehouse-api",
        "acks": "all",
        "enable.idempotence": True,
        "allow.auto.create.topics": False,
        "topic.metadata.propagation.max.ms": 1000,  # after this time a missing topic is reported as missing
        "partitioner": "murmur2_random",  # a player's events go where Kafka's own clients would put them
        "linger.ms": settings.linger_ms,
        "delivery.timeout.ms": delivery_ms,
        "socket.timeout.ms": max(10, delivery_ms // 2),  # leaves time for a second attempt
        "message.max.bytes": max(2**20, settings.max_event_bytes + 2**16),
        "queue.buffering.max.kbytes": _MAX_PENDING_KILOBYTES,
        "queue.buffering.max.messages": _MAX_PENDING_MESSAGES,
        "reconnect.backoff.max.ms": 1000,
    }


class Receipt:
    """Counts down the deliveries of one request's messages; `acknowledged` says of each whether the broker has it."""

    __slots__ = ("_callback", "_lock", "_open", "acknowledged", "reason")

    def __init__(self, messages: int) -> None:
        self.acknowledged = [False] * messages
        self.reason = ""  # why the first message that failed did
        self._open = messages
        self._lock = threading.Lock()
        self._callback: Callable[[], object] | None = None

    def note(self, index: int, error: Any, _: Any = None) -> None:
        """Takes a delivery report."""
        if error is None:
            self.acknowledged[index] = True
        elif not self.reason:
            self.reason = str(error)
        self._close(1)

    def give_up(self, messages: int, reason: str) -> None:
        """Counts messages off that were not sent, so that no report of them will come."""
        self.reason = self.reason or reason
        self._close(messages)

    def when_done(self, callback: Callable[[], object]) -> None:
        """Calls the function once no delivery is open: at once, or from the thread that takes the last report."""
        with self._lock:
            if self._open:
                self._callback = callback
                return
        callback()

    def wait(self, seconds: float) -> bool:
        """Waits at most so long until no delivery is open. Returns whether that is so."""
        done = threading.Event()
        self.when_done(done.set)
        return done.wait(seconds)

    def _close(self, messages: int) -> None:
        callback = None
        with self._lock:
            self._open -= messages
            if not self._open:
                callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class Publisher:
    """Owns the producer of this process and knows whether the broker takes messages.

    A thread serves the producer's delivery reports and produces to the probe topic every second. Once a probe has
    failed, requests are refused at once instead of each waiting for its own timeout. Messages under way are given up,
    and their requests learn that they were not acknowledged. Then the producer is replaced.
    """

    def __init__(
        self,
        connect: Callable[[], Producer],
        *,
        ack_timeout_seconds: float,
        probe_timeout_seconds: float = _PROBE_TIMEOUT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self.ack_timeout_seconds = ack_timeout_seconds
        self._probe_timeout_seconds = probe_timeout_seconds
        self._clock = clock
        self._producer: Producer | None = None
        self._start = threading.Lock()
        self._watch: threading.Thread | None = None
        self._probed = threading.Event()
        self._reachable = False
        self._dropped: Producer | None = None
        self._stopped = threading.Event()

    def start(self) -> None:
        """Starts the serving thread; the first request does it, since threads and sockets do not survive a fork."""
        if self._watch is None:
            with self._start:
                if self._watch is None:
                    self._watch = threading.Thread(target=self._serve, name="kafka-reports", daemon=True)
                    self._watch.start()

    def ready(self) -> bool:
        """Whether the last probe was acknowledged, and reports are served."""
        return self._reachable and (self._watch is None or self._watch.is_alive())

    def wait_for_probe(self) -> None:
        """Waits until the first probe was answered or has failed."""
        self._probed.wait(self.ack_timeout_seconds + self._probe_timeout_seconds)

    def publish(self, messages: Sequence[Message]) -> Receipt:
        """Queues the messages and returns at once. The receipt learns what became of each."""
        receipt = Receipt(len(messages))
        sent, producer, reason = 0, self._producer if self._reachable else None, "broker lost"
        if producer is not None:
            try:
                for message in messages:
                    producer.produce(message.topic, message.value, message.key, on_delivery=partial(receipt.note, sent))
                    sent += 1
            except (BufferError, KafkaException) as error:  # the next messages would fail in the same way
                reason = f"{message.topic}: {error}"
        if sent < len(messages):
            receipt.give_up(len(messages) - sent, reason)
        return receipt

    def probe(self) -> None:
        """Produces to the probe topic, serves reports until that is answered, and remembers whether it worked."""
        try:
            if self._producer is None:
                self._producer = self._connect()
            reason = self._probe(self._producer)
        except Exception as error:  # whatever it is, the broker cannot be used now; the next probe tries again
            reason = f"{type(error).__name__}: {error}"
        self._note_reachable(not reason, reason)
        if reason:
            self._drop_producer()

    def _probe(self, producer: Producer) -> str:
        """Why the probe was not acknowledged; empty if it was."""
        answers: list[Any] = []
        sent, until = False, self._clock() + self._probe_timeout_seconds
        while True:
            late = self._clock() > until
            if not sent and not late:
                with contextlib.suppress(BufferError):  # a full queue is no loss of the broker
                    producer.produce(PROBE_TOPIC, b"probe", b"api", on_delivery=lambda error, _: answers.append(error))
                    sent = True
            # once more when late: the answer may have come while reports were served
            producer.poll(0 if late else _POLL_SECONDS)
            if answers:
                return "" if answers[0] is None else str(answers[0])
            if late:
                return f"no acknowledgement within {self._probe_timeout_seconds:g} s"

    def _drop_producer(self) -> None:
        """Makes all messages fail that the old producer has not delivered, or their requests would wait for nothing.

        The old one is kept until the next probe: a request that took it just before may still queue messages, which
        fail then.
        """
        self._dropped, self._producer = self._producer, None
        self._give_up_dropped()

    def _give_up_dropped(self) -> None:
        if self._dropped is not None:
            self._dropped.purge()
            self._dropped.poll(0)

    def stop(self) -> None:
        """Ends the serving thread within a second or two. Messages that are not reported by then never are."""
        self._stopped.set()

    def _serve(self) -> None:
        while not self._stopped.is_set():
            try:
                self._give_up_dropped()
                self._dropped = None
                self.probe()
                until = self._clock() + _PROBE_EVERY_SECONDS
                while (left := until - self._clock()) > 0 and not self._stopped.is_set():
                    if self._producer is None:
                        self._stopped.wait(left)
                    else:
                        self._producer.poll(min(left, _POLL_SECONDS))
            except Exception as error:  # without this thread no message would ever be reported as delivered again
                _log.error("reports of delivery cannot be served", exc_info=error)
                self._stopped.wait(_PROBE_EVERY_SECONDS)

    def _note_reachable(self, reachable: bool, reason: str) -> None:
        if reachable != self._reachable or not self._probed.is_set():
            level = logging.INFO if reachable else logging.ERROR
            _log.log(level, "broker reachable" if reachable else "broker lost", extra={"fields": {"reason": reason}})
        self._reachable = reachable
        self._probed.set()
