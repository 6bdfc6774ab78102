"""A manifest of a backup, for tests of what reads one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from stack.state.manifest import Manifest, Part, Partition


def manifest(files: Sequence[Part] = ()) -> Manifest:
    """Of a backup that lacks three offsets of one partition."""
    return Manifest(
        form=2,
        id="0123456789",
        made_at=dt.datetime(2026, 11, 28, tzinfo=dt.UTC),
        version="0.1.0",
        commit=None,
        warehouse_uri="hdfs://127.0.0.1:9820/lakehouse",
        last_entry=7,
        decided=(),
        erasures=0,
        partitions=(Partition(topic="events", topic_id="a", partition=0, next_offset=5, end=8),),
        files=tuple(files),
    )
