"""The stack in containers: it comes up within its memory, nobody is root in it, and the demo's answers are right."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from lakehouse.settings import CHECKOUT, Settings
from stack.preflight import port_is_free

PROJECT = "lakehouse-test"
MOST_MEMORY_GB = 8.0
UNITS = {"MiB": 1 / 1024, "GiB": 1.0, "KiB": 1 / 1024**2, "B": 1 / 1024**3}
PUBLISHED = ("api_port", "trino_port", "airflow_port", "namenode_http_port", "metrics_port")


def run(*command: str, seconds: float = 900) -> str:
    environment = os.environ | {"COMPOSE_PROJECT_NAME": PROJECT}
    done = subprocess.run(
        command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def what_is_absent() -> str:
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True).returncode:
        return "no container engine answers (`docker info`)"
    defaults = Settings.model_construct(port_offset=0)
    taken = [port for name in PUBLISHED if not port_is_free("127.0.0.1", port := default_of(name, defaults))]
    return f"ports {taken} are taken, by a stack perhaps" if taken else ""


def default_of(setting: str, settings: Settings) -> int:
    values = {"validated_data": {"port_offset": settings.port_offset}}
    return int(Settings.model_fields[setting].get_default(call_default_factory=True, **values))  # type: ignore[arg-type]


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
        users = set(run("docker", "top", each, "-eo", "uid").split()[1:])
        assert users == {"990"}, name


def test_the_demo_finds_every_answer_right(containers: dict[str, str]) -> None:
    assert re.search(r"(?m)^All \d+ answers are equal to what was sent\.", run("make", "compose-demo"))


def test_all_of_it_stays_within_its_memory(containers: dict[str, str]) -> None:
    shown = run("docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", *containers.values())
    used = [UNITS[unit] * float(number) for number, unit in re.findall(r"(?m)^([\d.]+)(\w+) /", shown)]
    assert len(used) == len(containers) and sum(used) < MOST_MEMORY_GB, shown
