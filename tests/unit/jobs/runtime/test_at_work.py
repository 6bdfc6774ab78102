"""What takes long says so in a job's log, and what does not says nothing."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.runtime import at_work as module
from jobs.runtime.at_work import at_work


class Log:
    def __init__(self, wanted: int) -> None:
        self.lines: list[str] = []
        self._wanted, self.enough = wanted, threading.Event()

    def debug(self, line: str) -> None:
        self.lines.append(line)
        if len(self.lines) >= self._wanted:
            self.enough.set()


def job_with(log: Log) -> Any:
    return SimpleNamespace(log=log)


def test_a_long_step_is_told_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENT_SECONDS", 0.01)
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.01)
    log = Log(3)
    with at_work(job_with(log), "entry 5\n is staged"):
        assert log.enough.wait(20)
    said = len(log.lines)
    assert set(log.lines) == {"entry 5\\n is staged, 0 s so far"}
    assert not [thread for thread in threading.enumerate() if thread.name == "at_work"]
    assert len(log.lines) == said


def test_a_quick_step_and_one_that_fails_at_once_say_nothing() -> None:
    log = Log(1)
    with at_work(job_with(log), "quick"):
        pass
    with pytest.raises(KeyError), at_work(job_with(log), "wrong"):
        raise KeyError
    assert log.lines == []


def test_between_two_lines_ten_seconds_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    class Ended:
        def wait(self, seconds: float) -> bool:
            waits.append(seconds)
            return len(waits) == 3

        def set(self) -> None: ...

    monkeypatch.setattr(module, "Event", Ended)
    log = Log(2)
    with at_work(job_with(log), "it"):
        assert log.enough.wait(20)
    assert (waits, len(log.lines)) == ([2.0, 10.0, 10.0], 2)
