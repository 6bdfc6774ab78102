"""The tests' own stack of real servers. It is started once a session, for the tests that need it, and then stopped."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator

import pytest

from lakehouse.settings import Settings
from stack.control import down, up
from tests.real import Real, clean_environment

IDLE_SECONDS = 300.0


@pytest.fixture(scope="session")
def stack() -> Iterator[Real]:
    """All real servers, empty, with the DAGs paused: tests start the jobs, or unpause what they need."""
    keep = os.environ.get("KEEP_TEST_STACK") == "1"  # while working on tests: neither emptied nor stopped
    clean_environment()
    settings = Settings.load()

    def say(line: str) -> None:
        print(line, file=sys.__stderr__, flush=True)  # past pytest's capture: starting takes a minute

    if not keep:
        down(settings, say)
        shutil.rmtree(settings.state, ignore_errors=True)
    try:
        up(settings, say)
        real = Real(settings)
        real.airflow().pause_between_runs(("ingest_events", "build_day", "maintain_tables"), IDLE_SECONDS)
        yield real
    finally:
        if not keep:
            down(settings, say)
