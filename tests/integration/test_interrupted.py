"""Ctrl-C while the stack starts or stops: the next command goes on, and nothing is lost."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lakehouse.settings import CHECKOUT
from tests.conftest import IDLE_SECONDS
from tests.real import Real, event

pytestmark = [pytest.mark.timeout(900), pytest.mark.extra]

PAUSED = ("ingest_events", "build_day", "maintain_tables")


@pytest.fixture
def left_up(stack: Real) -> Iterator[Real]:
    """The stack is up again afterwards, as other tests have it."""
    yield stack
    assert run("up").returncode == 0
    stack.airflow().pause_between_runs(PAUSED, IDLE_SECONDS)


def run(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "operations.cli", command],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip


def hears_ctrl_c() -> None:
    """In the child: a shell lets what it starts in the background ignore Ctrl-C, and these tests may be that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupted(command: str, when: str) -> str:
    """Runs a command in a session of its own and, at the line that matches, does what Ctrl-C does. Gives its last line."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "operations.cli", command],
        cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        preexec_fn=hears_ctrl_c,
    )  # fmt: skip
    assert process.stdout is not None
    said = []
    with process:
        for line in process.stdout:
            said.append(line)
            if re.search(when, line):
                os.killpg(process.pid, signal.SIGINT)
                break
        said += process.stdout.readlines()
    assert process.returncode == 130, "".join(said)
    return said[-1]


def test_a_start_that_is_interrupted_again_and_again_goes_on(left_up: Real) -> None:
    (place,) = left_up.produce(event())
    assert run("down").returncode == 0
    stays = "Stopped. What runs stays up: `lakehouse up` goes on, `lakehouse down` stops it.\n"
    for when in ("Starting 10 services", "✓ kafka", "✓ metastore", "✓ tables"):
        assert interrupted("up", when) == stays
    done = run("up")
    assert done.returncode == 0 and re.search(r"(?m)^(Up|Already up, checked) in \d+ s\.$", done.stdout), done.stderr
    left_up.airflow().pause_between_runs(PAUSED, IDLE_SECONDS)
    left_up.ingest()
    assert left_up.places([place]) == {place: ["sword_purchases"]}
    left_up.check_invariants()


def test_a_stop_that_is_interrupted_goes_on(left_up: Real) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "operations.cli", "down"],
        cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=hears_ctrl_c,
    )  # fmt: skip
    with process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=2)  # supervisord needs longer than that to end ten servers
        os.killpg(process.pid, signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.read() == "Stopped. Some servers may still run: `lakehouse down` goes on.\n"
    assert process.returncode == 130
    done = run("down")
    assert done.returncode == 0 and done.stdout.endswith("\n") and "Down. The data stay in " in done.stdout
