"""How the warm Spark serves the jobs."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from lakehouse.settings import CHECKOUT
from stack.environment import job_environment, local_settings
from stack.probes import await_service
from stack.processes import stack_processes
from tests.real import Real

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


@pytest.mark.parametrize("name", ["java", "python"])
def test_if_one_of_its_two_processes_is_killed_both_are_started_anew(stack: Real, name: str) -> None:
    before = stack_processes(stack.settings.state)["spark"]
    (one,) = (process for process in before if process.name().startswith(name))
    one.kill()
    _, alive = psutil.wait_procs(before, timeout=60)
    assert alive == []
    await_service(local_settings(stack.settings), "spark", 120)
    assert len(stack_processes(stack.settings.state)["spark"]) == len(before) == 2
    stack.ingest()
