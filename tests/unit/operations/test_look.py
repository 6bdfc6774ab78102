"""Whether there is anything new: the pure comparison, and what an unreachable Kafka means."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from lakehouse.settings import CHECKOUT
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
