"""How far a step is, is told every few seconds and not for every file."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from stack.state import told
from stack.state.told import Told


def test_it_is_told_every_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(told, "time", SimpleNamespace(monotonic=lambda: now[0]))
    said: list[str] = []
    step = Told(said.append, "of 9 files are copied")
    for _ in range(6):
        now[0] += 2
        step.one(500_000)
    assert said == [
        "  … 3 (1.5 MB) of 9 files are copied, 6 s so far",
        "  … 6 (3.0 MB) of 9 files are copied, 12 s so far",
    ]
