"""How the warm Spark serves the jobs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable

import psutil
import pytest

from lakehouse.settings import CHECKOUT
from stack.environment import job_environment, local_settings
from stack.probes import await_service
from stack.processes import stack_processes
from tests.real import Real, event

pytestmark = pytest.mark.timeout(900)

_SESSION = """
from jobs.runtime.session import spark_session
from lakehouse.settings import Settings
spark = spark_session(Settings.load(), "test")
print([spark.conf.get(f"spark.sql.artifact.isolation.{name}") for name in ("enabled", "alwaysApplyClassloader")])
"""


def test_sessions_have_no_class_loaders_of_their_own_so_that_they_share_compiled_code(stack: Real) -> None:
    environment = job_environment(local_settings(stack.settings))
    command = [sys.executable, "-W", "ignore", "-c", _SESSION]
    done = subprocess.run(
        command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.strip() == "['false', 'false']", done.stderr[-2000:]


def servers(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """The two that make the server; the others are Python workers, and the daemon that forks them."""
    return [each for each in processes if any(part.endswith("connect_server.py") for part in each.cmdline())]


@pytest.mark.parametrize("name", ["java", "python"])
def test_if_one_of_its_two_processes_is_killed_both_are_started_anew_and_no_worker_is_left(
    stack: Real, name: str
) -> None:
    stack.produce(event())
    stack.ingest()
    before = stack_processes(stack.settings.state)["spark"]
    assert len(servers(before)) == 2 < len(before)
    (one,) = (process for process in servers(before) if process.name().startswith(name))
    one.kill()
    _, alive = psutil.wait_procs(before, timeout=60)
    assert alive == []
    await_service(local_settings(stack.settings), "spark", 120)
    assert len(servers(stack_processes(stack.settings.state)["spark"])) == 2
    sent = stack.produce(event())
    stack.ingest()
    assert list(stack.places(sent).values()) == [["sword_purchases"]]


def test_a_job_may_bring_its_code_to_the_workers(stack: Real) -> None:
    sent = stack.produce(event(), b"junk")
    stack.ingest(ship_code="true")
    assert list(stack.places(sent).values()) == [["sword_purchases"], ["quarantine:not_json"]]
