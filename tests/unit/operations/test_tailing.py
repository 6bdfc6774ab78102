"""`lakehouse tail`: where it begins, how a message is shown, and when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lakehouse.ledger.offsets import Log, OffsetsError, TopicPartition
from lakehouse.settings import Settings
from operations import tailing
from operations.cli import main
from operations.tailing import beginnings, line

EVENTS, HISTORY = TopicPartition("events", "id-1", 0), TopicPartition("MessageHistory", "id-2", 1)


class Message:
    """A message of Kafka's client."""

    def __init__(self, value: bytes | None = b"{}", key: bytes | None = b"Player 1", error: Any = None) -> None:
        self._value, self._key, self._error = value, key, error

    def error(self) -> Any:
        return self._error

    def timestamp(self) -> tuple[int, int]:
        return (2, 1_767_323_045_006)

    def topic(self) -> str:
        return "events"

    def partition(self) -> int:
        return 2

    def offset(self) -> int:
        return 41

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value


WHEN = "2026-01-02 03:04:05.006  events-2@41  "


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (Message(b'{"a": "\xc3\xbc"}'), 'Player 1  {"a": "ü"}'),
        (Message(None, None), "-  (no value)"),
        (Message(b"\xff\x00a", b"\xfe"), "\\xfe  \\xff\x00a"),
    ],
)
def test_a_message_is_one_line_of_text(message: Any, shown: str) -> None:
    assert line(message) == WHEN + shown


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Kafka has two topics; gives what the consumer was made with, then polls these messages for ever."""
    made: list[Any] = []
    logs = [Log(EVENTS, 3, 10), Log(HISTORY, 0, 7)]

    @contextmanager
    def admin(settings: Settings) -> Iterator[Any]:
        yield SimpleNamespace(list_topics=lambda: ["events", "MessageHistory", "__consumer_offsets", "_probe\x1b"])

    @contextmanager
    def consumer(settings: Settings, places: Any, options: Any) -> Iterator[Any]:
        made.append(places)
        messages = iter([Message(b"one\x1b[31m"), None, Message(b"two"), Message(b"three"), KeyboardInterrupt()])

        def poll(seconds: float) -> Any:
            if isinstance(message := next(messages), BaseException):
                raise message
            return message

        try:
            yield SimpleNamespace(poll=poll)
        finally:
            made.append("closed")

    monkeypatch.setattr(tailing, "admin", admin)
    monkeypatch.setattr(
        tailing, "read_logs", lambda client, topics, may_be_gone: [log for log in logs if log.at.topic in may_be_gone]
    )
    monkeypatch.setattr(tailing, "consumer_at", consumer)
    return made


def test_it_begins_at_the_end_or_at_the_start(kafka: list[Any]) -> None:
    assert beginnings(Settings(), ["events"], from_start=False) == {EVENTS: 10}
    assert beginnings(Settings(), ["events", "MessageHistory"], from_start=True) == {EVENTS: 3, HISTORY: 0}


def tail(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["tail", *arguments])


def test_messages_are_shown_harmlessly_until_as_many_as_asked_for(kafka: list[Any]) -> None:
    result = tail("events", "--count", "2", "--from-start")
    assert (result.exit_code, result.output.splitlines()) == (
        0,
        [f"{WHEN}Player 1  one\\x1b[31m", f"{WHEN}Player 1  two"],
    )
    assert kafka == [{EVENTS: 3}, "closed"]


def test_ctrl_c_ends_it_in_one_line(kafka: list[Any]) -> None:
    result = tail()
    assert result.exit_code == 0 and len(result.stdout.splitlines()) == 3
    assert result.stderr == "Stopped after 3 messages; nothing was changed.\n"
    assert kafka == [{EVENTS: 10, HISTORY: 7}, "closed"]


def test_a_topic_that_is_not_there_is_named_with_those_that_are(kafka: list[Any]) -> None:
    result = tail("event")
    words = "Error: Kafka has no topic event; it has MessageHistory, _probe\\x1b, events\n"
    assert (result.exit_code, result.output) == (1, words)


def test_what_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def consumer(*_: Any) -> Iterator[Any]:
        yield SimpleNamespace(poll=lambda seconds: Message(error=SimpleNamespace(str=lambda: "bad CRC")))

    monkeypatch.setattr(tailing, "consumer_at", consumer)
    with pytest.raises(OffsetsError, match="^events-2: Kafka cannot be read: bad CRC$"):
        next(tailing.follow(Settings(), {EVENTS: 0}, print))
