"""Whether there is anything new: the pure comparison, and what an unreachable Kafka means."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import nullcontext
from unittest.mock import Mock

import pytest
from kafka.errors import KafkaTimeoutError

from lakehouse.clients import expiry, kafka
from lakehouse.clients.expiry import Unread
from lakehouse.ledger.offsets import Log, OffsetsError, TopicPartition
from lakehouse.settings import CHECKOUT, Settings
from operations import look
from operations.look import differs


@pytest.mark.parametrize(
    ("starts", "ends", "done", "new"),
    [
        ({"a": 0, "b": 0}, {"a": 5, "b": 0}, {"a": 5}, False),  # all taken; nothing was ever in b
        ({"a": 0}, {"a": 6}, {"a": 5}, True),
        ({"a": 0, "b": 0}, {"a": 5, "b": 1}, {"a": 5}, True),  # a new partition
        ({"a": 0}, {"a": 0}, {}, False),
        ({"a": 9}, {"a": 9}, {}, True),  # it expired before anybody read it
        ({"a": 0}, {"a": 2}, {"a": 5}, True),  # the topic was made again
        ({}, {}, {}, False),
    ],
)
def test_new_is_what_an_ingest_has_not_taken(
    starts: dict[str, int], ends: dict[str, int], done: dict[str, int], new: bool
) -> None:
    assert differs(starts, ends, done) is new


def test_a_kafka_that_does_not_answer_is_left_to_the_drain() -> None:
    # In a process of its own: kafka-python leaves a socket open when nobody answers.
    ask = (
        "import sys; from lakehouse.clients import kafka; from operations import look; from lakehouse.settings import Settings; "
        "kafka.REQUEST_TIMEOUT_MS = 500; "
        "print(look.anything_new(Settings(kafka_bootstrap=sys.argv[1]), ['events']))"
    )
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        done = subprocess.run(
            [sys.executable, "-c", ask, address], capture_output=True, text=True, timeout=60, cwd=CHECKOUT
        )
    assert done.stdout.split() == ["True"], done.stderr


class Kafka:
    """What a look finds: logs, where the group is, and what is unread; keeps what was said."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = TopicPartition("events", "id", 0)
        self.logs, self.done = [Log(self.at, 0, 9)], {self.at: 9}
        self.unread = [Unread(self.at, 4, 9, 1.0), Unread(self.at, 4, 9, 2.5)]
        self.said = Mock()
        self.error: Exception | None = None
        monkeypatch.setattr(kafka, "admin", lambda settings: nullcontext("the client"))
        monkeypatch.setattr(kafka, "read_logs", self.read_logs)
        monkeypatch.setattr(kafka, "group_offsets", self.group_offsets)
        monkeypatch.setattr(expiry, "unread", lambda *given: self.unread if given[1:] == self.given else None)
        monkeypatch.setattr(look, "log", self.said)

    @property
    def given(self) -> tuple[object, ...]:
        return ("the client", self.logs, self.done)

    def read_logs(self, client: object, topics: list[str]) -> list[Log]:
        assert (client, topics) == ("the client", ["events"])
        if self.error:
            raise self.error
        return self.logs

    def group_offsets(self, client: object, group: str, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        assert (client, group, places) == ("the client", "lakehouse", [self.at])
        return self.done


def test_a_look_compares_and_warns_of_what_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka, settings = Kafka(monkeypatch), Settings(expiry_warning_hours=2)
    assert look.anything_new(settings, ["events"]) is False
    ((first, sentence), _) = kafka.said.warning.call_args
    assert first == "%s" and sentence.startswith("events-0: the unread offsets [4, 9) begin to expire in 1.0 hours")
    assert kafka.said.warning.call_count == 1
    kafka.done[kafka.at] = 8
    assert look.anything_new(settings, ["events"]) is True
    kafka.done.clear()
    kafka.logs[0] = Log(kafka.at, 5, 9)
    assert look.anything_new(settings, ["events"]) is True


@pytest.mark.parametrize("error", [OffsetsError("no topic"), KafkaTimeoutError("late"), OSError("refused")])
def test_a_look_that_fails_leaves_it_to_the_drain(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    kafka = Kafka(monkeypatch)
    kafka.error = error
    assert look.anything_new(Settings(), ["events"]) is True
    assert kafka.said.warning.call_count == (0 if isinstance(error, OffsetsError) else 1)
