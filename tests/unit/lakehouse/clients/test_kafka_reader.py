"""A Kafka that does not answer is reported after a limited time."""

from __future__ import annotations

import socket

import pytest

from lakehouse.clients.kafka_reader import offsets_with_message
from lakehouse.ledger.offsets import OffsetRange, OffsetsError, TopicPartition
from lakehouse.settings import Settings


def test_a_kafka_that_does_not_answer_is_an_error_that_names_the_offsets() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        settings = Settings(kafka_bootstrap=f"127.0.0.1:{nobody.getsockname()[1]}")
        wanted = OffsetRange(TopicPartition("events", "id", 0), 3, 9)
        with pytest.raises(OffsetsError, match=r"for 1 s what the offsets from 3 on hold, of events-0 \[3, 9\)"):
            list(offsets_with_message(settings, wanted, stall_seconds=1))


def test_an_empty_range_asks_nobody() -> None:
    wanted = OffsetRange(TopicPartition("events", "id", 0), 3, 3)
    assert list(offsets_with_message(Settings(kafka_bootstrap="127.0.0.1:9"), wanted)) == []
