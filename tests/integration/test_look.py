"""The task `look` on a real Kafka: whether there are new messages, and when the first unread ones expire."""

from __future__ import annotations

import datetime as dt

import pytest

from lakehouse.clients import expiry
from lakehouse.clients.kafka import admin, first_times, group_offsets, read_logs
from operations.look import anything_new
from tests.real import Real

pytestmark = pytest.mark.timeout(900)
TOPICS = ["events"]


def unread(stack: Real) -> list[expiry.Unread]:
    with admin(stack.settings) as client:
        logs = read_logs(client, TOPICS)
        done = group_offsets(client, stack.settings.consumer_group, [each.at for each in logs])
        return expiry.unread(stack.settings, client, logs, done)


def test_each_partition_says_when_its_first_unread_message_expires(stack: Real) -> None:
    stack.ingest()
    assert not anything_new(stack.settings, TOPICS)
    before = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=5)
    sent = stack.produce(*[b"x" * 2_000] * 60, spread=True)
    assert anything_new(stack.settings, TOPICS)
    found = {each.at.partition: each for each in unread(stack)}
    assert {partition for _, partition, _ in sent} == set(found)
    for partition, each in found.items():
        assert [each.start, each.end] == [
            min(o for _, p, o in sent if p == partition),
            max(o for _, p, o in sent if p == partition) + 1,
        ]
        assert each.hours == pytest.approx(7 * 24, abs=0.1)

    # A batch is sent whole, also where the offset that was asked for lies within it.
    middle = {each.at: (each.start + each.end) // 2 for each in found.values()}
    times = first_times(stack.settings, middle)
    assert set(times) == set(middle)
    assert all(before < time <= dt.datetime.now(dt.UTC) for time in times.values())

    stack.ingest()
    assert not anything_new(stack.settings, TOPICS)
    assert [each.hours for each in unread(stack)] == [None] * len(found)
