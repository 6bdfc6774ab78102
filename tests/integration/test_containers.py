"""The stack in containers: it comes up within its memory, nobody is root in it, the demo's answers are right, and whatever
is killed comes back with nothing lost.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.containers import memory_mb
from lakehouse.settings import Settings
from tests.compose import PROJECT, airflow_of, ingest, run, what_is_absent
from tests.faults import oracle
from tests.faults.load import Load
from tests.real import Real

MOST_MEMORY_MB = 8 * 1024
ROWS = 30  # events acknowledged before the first kill, and after each
RUNS = 3  # of ingest, within which all is as before
# As if memory had run out: everything in the container but the one process that starts the rest.
KILL_ALL = "import os, signal; os.kill(-1, signal.SIGKILL)"

pytestmark = [pytest.mark.extra, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def containers() -> Iterator[dict[str, str]]:
    """The id of each running container by its service, on volumes of their own."""
    if absent := what_is_absent():
        pytest.skip(absent)
    try:
        run("make", "compose-up", seconds=1800)
        ids = run("docker", "ps", "-q", "--filter", f"label=com.docker.compose.project={PROJECT}").split()
        label = "com.docker.compose.service"
        yield {json.loads(run("docker", "inspect", each))[0]["Config"]["Labels"][label]: each for each in ids}
    finally:
        run("make", "compose-down", "VOLUMES=--volumes")


def test_every_service_is_healthy(containers: dict[str, str]) -> None:
    states = {name: json.loads(run("docker", "inspect", each))[0]["State"] for name, each in containers.items()}
    assert {name: state["Health"]["Status"] for name, state in states.items()} == dict.fromkeys(states, "healthy")
    assert len(states) == 14


def test_no_process_is_roots(containers: dict[str, str]) -> None:
    """Docker's own init, which only hands on signals, has the user of the container too."""
    for name, each in containers.items():
        lines = run("docker", "top", each, "-eo", "pid,uid").splitlines()[1:]
        assert {line.split()[1] for line in lines} == {"990"}, name


@pytest.mark.parametrize("turn", ["first", "second"])
def test_the_demo_finds_every_answer_right(containers: dict[str, str], turn: str) -> None:
    """The second time it counts from what the first has left."""
    assert re.search(r"(?m)^All \d+ answers are equal to what was sent\.", run("make", "compose-demo"))


def test_the_command_runs_against_the_containers(containers: dict[str, str]) -> None:
    """Words in quotes stay together, and Airflow takes its login."""
    assert "nothing is open" in run("make", "compose-run", "COMMAND=quarantine list --reason 'audit:no such rule'")
    started = run("make", "compose-run", "COMMAND=live rebuild")
    assert re.search(r"the live state is rebuilt from the tables: \d+ players", started), started


def test_all_of_it_stays_within_its_memory(containers: dict[str, str]) -> None:
    used = memory_mb(containers.values())
    assert len(used) == len(containers) and sum(used) < MOST_MEMORY_MB, used


def test_whatever_is_killed_comes_back_and_nothing_is_lost(containers: dict[str, str]) -> None:
    """While events are sent, each container in turn loses all its processes at once; the oracle of the faults judges."""
    real = Real(Settings())
    before = oracle.last_entry(real)
    with Load(real.settings.api_url, "killed containers", f"containers {before}", ROWS) as load:
        for name, each in containers.items():
            load.wait_for(ROWS)
            restarts = state_of(each)["RestartCount"]
            run("docker", "exec", each, "python", "-c", KILL_ALL, check=False)
            wait_until_healthy(name, each, restarts + 1)
        load.wait_for(ROWS)
    for _ in range(RUNS):
        last = ingest(airflow_of(real.settings))
    assert last == "success"
    events = {each.event_id: each.places for each in load.sent.values()}
    sent = oracle.Sent(events, frozenset(load.acknowledged))
    assert len(sent.acknowledged) >= ROWS * len(containers)
    assert oracle.judge(sent, oracle.read(real, before)) == []


def state_of(container: str) -> dict[str, Any]:
    (state,) = json.loads(run("docker", "inspect", container))
    return dict(state)


def wait_until_healthy(name: str, container: str, restarts: int, seconds: float = 300) -> None:
    until = time.monotonic() + seconds
    while True:
        state = state_of(container)
        if state["RestartCount"] >= restarts and state["State"]["Health"]["Status"] == "healthy":
            return
        if time.monotonic() > until:
            raise TimeoutError(f"{name} did not come back in {seconds:.0f} s: {state['State']}")
        time.sleep(1)
