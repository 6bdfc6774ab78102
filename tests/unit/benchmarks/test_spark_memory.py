"""The soak of Spark compares what it should: late with early batches, after large messages with before, and the limit."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from benchmarks import spark_memory
from benchmarks.figures import Table
from lakehouse.settings import Settings
from stack.services import SPARK_LIMIT_MB


def measured(monkeypatch: pytest.MonkeyPatch, small: list[float], large: list[float]) -> list[tuple[Any, ...]]:
    did: list[str] = []
    left = iter(small)
    monkeypatch.setattr(spark_memory, "by_hand", lambda settings: nullcontext())
    monkeypatch.setattr(spark_memory, "_after_small", lambda settings: next(left))
    monkeypatch.setattr(spark_memory, "_send_large", lambda settings: did.append("large"))
    monkeypatch.setattr(spark_memory, "ingest", lambda settings: did.append("ingest"))
    monkeypatch.setattr(spark_memory, "_held_mb", lambda settings: large[did.count("ingest") - 1])
    monkeypatch.setattr(spark_memory, "_server", lambda settings: 7)
    monkeypatch.setattr(spark_memory, "live_heap", lambda pid: did.append(f"collect {pid}"))
    table = Table(say=lambda line: None)
    spark_memory.measure(Settings(), table, len(small) - 1)
    assert did == ["large", "ingest"] * 3 + ["collect 7"] and next(left, None) is None
    return [(figure.ours, figure.theirs, figure.verdict) for figure in table.figures]


def test_a_server_that_stays_flat_reaches_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    small = [900.0] * 20 + [1_000.0] * 4 + [1_030.0] * 2 + [1_050.0] * 4 + [1_100.0]
    assert measured(monkeypatch, small, [1_500.0, 2_000.0, 1_900.0]) == [
        ((1_050.0,), (1_000.0,), "reached"),
        ((1_100.0,), (1_050.0,), "reached"),
        ((2_000.0,), (), "reached"),
    ]


def test_growth_what_is_kept_and_too_much_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    small = [900.0] * 20 + [1_000.0] * 4 + [1_100.0] * 2 + [1_200.0] * 4 + [3_000.0]
    most = SPARK_LIMIT_MB + 100.0
    found = measured(monkeypatch, small, [most, 2_000.0, 2_000.0])
    assert [verdict.partition(":")[0] for _, _, verdict in found] == ["short"] * 3 and found[2][0] == (most,)
