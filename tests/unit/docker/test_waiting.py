"""`make compose-up` waits until the steps of the start have ended well and every service is healthy, and for no less."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lakehouse.settings import CHECKOUT

# Each line of `containers`: name, running or ended, exit status, health. An ended one is healthy no more.
COMPOSE = """#!/bin/bash
case "$*" in
  "ps -q"*) kept=running ;;  # as Compose v2 does: without those that have ended
  "ps -aq"*) kept='.*' ;;
  *) exit 0 ;;
esac
shift 2
while read -r name state _; do
  [[ $state =~ $kept ]] && [[ $# = 0 || " $* " == *" $name "* ]] && echo "$name"
done < containers
exit 0
"""
DOCKER = """#!/bin/bash
work=$1; shift
case $work in
  wait) [ $# -gt 0 ] || exit 1; for name in "$@"; do awk -v name="$name" '$1 == name { print $3 }' containers; done ;;
  inspect) shift 2
    [ $# -gt 0 ] && [ ! -e gone ] || { echo 'nothing can be inspected' >&2; exit 1; }
    for name in "$@"; do awk -v name="$name" '$1 == name { print $4 }' containers; done
    sed -i 's/ starting$/ healthy/' containers ;;
esac
"""
WELL = ["kafka running 0 healthy", "api running 0 healthy", "views ended 0", "dags ended 0"]


def waited(folder: Path, containers: list[str]) -> subprocess.CompletedProcess[str]:
    """What the Makefile's wait says of such containers. No second passes between its looks."""
    (folder / "containers").write_text("".join(f"{each}\n" for each in containers))
    programs = folder / "bin"
    programs.mkdir()
    for name, text in {"docker-compose": COMPOSE, "docker": DOCKER, "sleep": "#!/bin/sh\n"}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    target = f"include {CHECKOUT}/Makefile\ntried:\n\t$(call until_healthy,docker-compose)\n"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "-f", "-", "tried"], cwd=folder, input=target, capture_output=True, text=True, timeout=60,
        env=environment | {"PATH": f"{programs}:{os.environ['PATH']}"},
    )  # fmt: skip


@pytest.mark.parametrize(
    "containers",
    [WELL, [*WELL[1:], "kafka running 0 starting"], [*WELL[:2], "views running 0", "dags running 0"]],
    ids=["steps-have-ended", "a-service-that-starts", "steps-are-running"],
)
def test_healthy_services_and_steps_that_end_well_are_waited_for(tmp_path: Path, containers: list[str]) -> None:
    done = waited(tmp_path, containers)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "containers",
    [
        [*WELL[:2], "views ended 1", "dags running 0"],
        [*WELL[:2], "views ended 0", "dags ended 1"],
        WELL[:2],
        [*WELL[1:], "kafka running 0 unhealthy"],
        [*WELL[1:], "kafka ended 0 unhealthy"],
    ],
    ids=["views-have-failed", "dags-have-failed", "no-steps", "a-sick-service", "a-service-that-has-ended"],
)
def test_it_fails_unless_all_is_well(tmp_path: Path, containers: list[str]) -> None:
    assert waited(tmp_path, containers).returncode == 2


def test_an_engine_that_says_nothing_of_any_service_is_no_good_answer(tmp_path: Path) -> None:
    (tmp_path / "gone").touch()
    done = waited(tmp_path, WELL)
    assert done.returncode == 2 and "nothing can be inspected" in done.stderr
