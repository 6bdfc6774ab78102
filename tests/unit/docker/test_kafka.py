"""docker/kafka/server.properties: how long messages are kept is what docs/guarantees.md says."""

from __future__ import annotations

import re

from lakehouse.settings import CHECKOUT

BROKER = dict(
    re.findall(r"^([\w.]+)=(\S+)$", (CHECKOUT / "docker" / "kafka" / "server.properties").read_text(), re.MULTILINE)
)


def test_a_message_is_deleted_a_day_after_its_retention_at_the_latest() -> None:
    """Kafka deletes a segment when its newest message is old enough; what it began with is older by the segment's time."""
    assert not {"log.roll.ms", "log.roll.jitter.hours", "log.retention.ms", "log.retention.minutes"} & set(BROKER)
    days, more = (int(BROKER[each]) / 24 for each in ("log.retention.hours", "log.roll.hours"))
    assert (days, more) == (7, 1)
    kept = next(
        line for line in (CHECKOUT / "docs" / "guarantees.md").read_text().splitlines() if "messages in Kafka" in line
    )
    assert "| 7 days and up to one more:" in kept
