"""Sends messages to Kafka and says of each whether the broker has acknowledged it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from kafka import KafkaProducer
from kafka.errors import KafkaError

from api.events import Message
from lakehouse.contract import PROBE_TOPIC
from lakehouse.settings import Settings

_log = logging.getLogger(__name__)

_PROBE_EVERY_SECONDS = 1.0
_PROBE_TIMEOUT_SECONDS = 5.0  # with the pause between probes, loss is known within 6 seconds
_WAIT_STEP_SECONDS = 0.25  # how soon a waiting request learns that the broker is lost
_MAX_BLOCK_SECONDS = 1.0  # of a send whose topic's metadata is unknown
_MAX_PENDING_BYTES = 64 * 2**20  # kafka-python's own buffer has no bound


class Future(Protocol):
    """A send under way."""

    def get(self, timeout: float | None = None) -> Any: ...
    def add_callback(self, f: Callable[..., Any], *args: Any) -> Any: ...
    def add_errback(self, f: Callable[..., Any], *args: Any) -> Any: ...


class Producer(Protocol):
    """What is needed of a Kafka producer."""

    def send(self, topic: str, value: bytes, key: bytes) -> Future: ...


def kafka_producer(settings: Settings, topics: Sequence[str]) -> KafkaProducer:
    """Connects; knows the topics before the first event needs them.

    Raises:
        KafkaError: no broker answers.
    """
    delivery_ms = int(1000 * settings.ack_timeout_seconds)
    waits = "acks" not in settings.broken  # only a test leaves it out
    producer = KafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap.split(","),
        client_id="lakehouse-api",
        acks="all" if waits else 0,
        enable_idempotence=waits,
        allow_auto_create_topics=False,
        linger_ms=settings.linger_ms,
        delivery_timeout_ms=delivery_ms,
        request_timeout_ms=max(1, (delivery_ms - settings.linger_ms) // 2),  # leaves time for a second try
        max_block_ms=int(1000 * _MAX_BLOCK_SECONDS),
        max_request_size=max(2**20, settings.max_event_bytes + 2**16),
        bootstrap_timeout_ms=int(1000 * _PROBE_TIMEOUT_SECONDS),
        reconnect_backoff_max_ms=1000,
        metrics_enabled=False,
    )
    for topic in topics:
        try:
            producer.partitions_for(topic)
        except KafkaError as error:
            _log.error("topic cannot be used", extra={"fields": {"topic": topic, "reason": str(error)}})
    return producer


def discard_kafka_producer(producer: Any) -> None:
    """Drops a producer with all that it has not sent, at once.

    Its own close() flushes first, which a producer that needs dropping cannot, and then leaves its thread running.
    """
    try:
        producer.close(timeout=0)
    except KafkaError:
        producer._sender.force_close()
        producer._closed = True  # or its destructor tries to flush again


class Publisher:
    """Owns the producer of this process and knows whether the broker takes messages.

    A thread produces to the probe topic every second. Once that has failed, requests are refused at once instead of
    each waiting for its own timeout, so that threads stay free to say that the API is not ready. The producer is then
    replaced: one of kafka-python 3.0 whose messages have expired never sends again (the broker misses their numbers).
    """

    def __init__(
        self,
        connect: Callable[[], Producer],
        discard: Callable[[Any], None],
        *,
        ack_timeout_seconds: float,
        max_pending_bytes: int = _MAX_PENDING_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._discard = discard
        self._ack_timeout_seconds = ack_timeout_seconds
        self._max_pending_bytes = max_pending_bytes
        self._clock = clock
        self._producer: Producer | None = None
        self._lock = threading.Lock()
        self._pending_bytes = 0
        self._watch: threading.Thread | None = None
        self._probed = threading.Event()
        self._reachable = False

    def start(self) -> None:
        """Starts the watching thread; the first request does it, since threads and sockets do not survive a fork."""
        with self._lock:
            if self._watch is None:
                self._watch = threading.Thread(target=self._watch_broker, name="broker-probe", daemon=True)
                self._watch.start()

    def ready(self) -> bool:
        """Whether the last probe was acknowledged; waits for the first one."""
        self._probed.wait(self._ack_timeout_seconds)
        return self._reachable

    def publish(self, messages: Sequence[Message]) -> list[bool]:
        """For each message, whether the broker has acknowledged it within the timeout."""
        if not self.ready():
            return [False] * len(messages)
        deadline = self._clock() + self._ack_timeout_seconds
        sent = self._send_all(messages)
        return [future is not None and self._acknowledged(future, deadline) for future in sent]

    def probe(self) -> None:
        """Produces to the probe topic and remembers whether that worked."""
        try:
            if self._producer is None:
                self._producer = self._connect()
            self._producer.send(PROBE_TOPIC, value=b"probe", key=b"api").get(_PROBE_TIMEOUT_SECONDS)
        except Exception as error:  # whatever it is, the broker cannot be used; the next probe tries again
            self._note_reachable(False, f"{type(error).__name__}: {error}")
            self._replace_producer()
        else:
            self._note_reachable(True, "")

    def _replace_producer(self) -> None:
        """Nobody waits for the old one's messages any more: their requests saw that the broker is lost."""
        lost, self._producer = self._producer, None
        if lost is not None:
            self._discard(lost)

    def _watch_broker(self) -> None:
        while True:
            self.probe()
            time.sleep(_PROBE_EVERY_SECONDS)

    def _note_reachable(self, reachable: bool, reason: str) -> None:
        if reachable != self._reachable or not self._probed.is_set():
            level = logging.INFO if reachable else logging.ERROR
            _log.log(level, "broker reachable" if reachable else "broker lost", extra={"fields": {"reason": reason}})
        self._reachable = reachable
        self._probed.set()

    def _send_all(self, messages: Sequence[Message]) -> list[Future | None]:
        sent: list[Future | None] = []
        for message in messages:
            future = self._send(message)
            if future is None:  # the next ones would wait as long and fail alike
                break
            sent.append(future)
        return sent + [None] * (len(messages) - len(sent))

    def _send(self, message: Message) -> Future | None:
        size = len(message.key) + len(message.value)
        producer = self._producer
        if producer is None or not self._take(size):
            return None
        try:
            future = producer.send(message.topic, value=message.value, key=message.key)
        except KafkaError as error:
            self._give_back(size)
            _log.error("send failed", extra={"fields": {"topic": message.topic, "reason": str(error)}})
            return None
        future.add_callback(lambda _: self._give_back(size))
        future.add_errback(lambda _: self._give_back(size))
        return future

    def _acknowledged(self, future: Future, deadline: float) -> bool:
        while True:
            left = deadline - self._clock()
            try:
                future.get(max(0.0, min(left, _WAIT_STEP_SECONDS)))
            except KafkaError as error:
                still_open = not getattr(future, "is_done", True)
                if still_open and left > 0 and self._reachable:
                    continue
                if not still_open:
                    _log.error("not acknowledged", extra={"fields": {"reason": f"{type(error).__name__}: {error}"}})
                return False
            return True

    def _take(self, size: int) -> bool:
        with self._lock:
            if self._pending_bytes + size > self._max_pending_bytes:
                return False
            self._pending_bytes += size
            return True

    def _give_back(self, size: int) -> None:
        with self._lock:
            self._pending_bytes -= size
