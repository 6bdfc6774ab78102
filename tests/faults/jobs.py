"""The jobs of a trial, run as Airflow runs them: retried until they succeed, within a limit, and stopped at a point."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.real import Real

JOB_SECONDS = 240.0  # that one try may take; then it is killed, as Airflow kills a task past its time limit
RECOVERY_SECONDS = 300.0  # in which one of the tries has to end well
PAUSE_SECONDS = 1.0  # between two tries


class Stuck(Exception):
    """A job does not end well, however often it is tried; or it never came to the point at which it should stand."""


class Jobs:
    """Starts jobs with the settings of the trial, and keeps what they print."""

    def __init__(self, real: Real) -> None:
        self._real = real
        self.settings: dict[str, str] = {}  # of every job from now on
        self.change: Callable[[], None] | None = (
            None  # called in the process of every job from now on, before it begins
        )
        self.log: list[str] = []
        self._started: list[Any] = []

    def start(self, job: str, *, change: Callable[[], None] | None = None, **settings: str) -> Any:
        change = change or self.change
        self.note(f"start {job} {settings or ''} {change.__name__ if change else ''}")
        process = self._real.start(job, cold=False, change=change, **{**self.settings, **settings})
        self._started.append(process)
        return process

    def close(self) -> None:
        """Kills what a trial that went wrong left standing."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                self.end(process)

    def end(self, process: Any) -> int:
        """Waits for the job; one that takes too long is killed. Returns its exit code."""
        try:
            output, _ = process.communicate(timeout=JOB_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate(timeout=30)
            self.note(f"killed, since it took more than {JOB_SECONDS:.0f} s")
        self.note(f"ended with {process.returncode}:\n{output}")
        return int(process.returncode)

    def run(self, job: str, *, change: Callable[[], None] | None = None, **settings: str) -> None:
        """Tries the job until it ends well.

        Raises:
            Stuck: it does not within RECOVERY_SECONDS.
        """
        until, tries = time.monotonic() + RECOVERY_SECONDS, 1
        while code := self.end(self.start(job, change=change, **settings)):
            if time.monotonic() > until:
                raise Stuck(f"{job} ended with {code} at each of {tries} tries in {RECOVERY_SECONDS:.0f} s")
            time.sleep(PAUSE_SECONDS)
            tries += 1

    def killed_at(self, job: str, point: str) -> None:
        """Runs the job until it kills itself at the point."""
        code = self.end(self.start(job, kill_at=point))
        if code != -signal.SIGKILL:
            raise Stuck(f"{job} was to die at {point} but ended with {code}")

    def stopped_at(self, job: str, point: str) -> Any:
        """Starts the job and returns it when it stands at the point."""
        process = self.start(job, stop_at=point)
        until = time.monotonic() + JOB_SECONDS
        while not is_stopped(process.pid):
            if process.poll() is not None:
                raise Stuck(f"{job} was to stand at {point} but ended with {self.end(process)}")
            if time.monotonic() > until:
                process.kill()
                raise Stuck(f"{job} did not come to {point} in {JOB_SECONDS:.0f} s: {self.end(process)}")
            time.sleep(0.02)
        self.note(f"{job} stands at {point}")
        return process

    def go_on(self, process: Any) -> int:
        """Lets a stopped job go on. Returns its exit code."""
        self.note("continued")
        os.kill(process.pid, signal.SIGCONT)
        return self.end(process)

    def note(self, text: str) -> None:
        self.log.append(f"{time.strftime('%H:%M:%S')} {text}")


def is_stopped(pid: int) -> bool:
    """Whether the process stands still after a SIGSTOP."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False
