"""Settings in these tests are the defaults, whatever stack the caller works on; but for the state folder."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def default_settings(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    for name in list(os.environ):
        if name.startswith("LAKEHOUSE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LAKEHOUSE_STATE", state)
