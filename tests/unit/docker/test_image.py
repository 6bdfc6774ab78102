"""docker/Dockerfile: what it copies is there, and the API's image holds what the API imports."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse.settings import CHECKOUT

LINES = re.sub(r"\\\n", "", (CHECKOUT / "docker" / "Dockerfile").read_text()).splitlines()
OURS = ("api", "contracts", "dags", "docker", "expectations", "jobs", "lakehouse", "operations", "stack")


def copied() -> list[str]:
    """What the Dockerfile copies from the checkout."""
    copies = [line.split()[1:-1] for line in LINES if line.startswith("COPY ") and "--from=" not in line]
    return [source for sources in copies for source in sources]


def test_what_is_copied_is_there_and_not_ignored() -> None:
    sent = [line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for source in copied():
        assert (CHECKOUT / source).exists(), source
        assert any(f"{source}/".startswith(f"{each}/") for each in sent), source


def test_our_code_is_copied_after_everything_that_takes_long() -> None:
    """So that a change of it makes the last layers anew alone."""
    last = LINES[max(number for number, line in enumerate(LINES) if line.startswith("FROM ")) :]
    steps = [line.split()[0] for line in last if re.match(r"(COPY|RUN) ", line)]
    first = next(number for number, line in enumerate(last) if re.match(r"COPY (?!--from)", line))
    assert {line.split()[1] for line in last if line.startswith("COPY ")} >= set(OURS)
    assert not any("apt-get" in line or "pip" in line or "--from" in line for line in last[first:]), steps


def test_the_dockerfile_is_clean() -> None:
    hadolint = Path(sys.prefix) / "bin" / "hadolint"
    done = subprocess.run([hadolint, "docker/Dockerfile"], cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_nobody_runs_as_root() -> None:
    users = [line.split()[1] for line in LINES if line.startswith("USER ")]
    assert users == ["990", "990"]


@pytest.mark.parametrize("target", ["api", "service"])
def test_what_is_copied_from_a_checkout_that_only_its_owner_reads_is_made_readable(target: str) -> None:
    """COPY keeps mode bits: those of a checkout under umask 077 shut out the user that services run as."""
    begin = next(
        number for number, line in enumerate(LINES) if line.startswith("FROM ") and line.endswith(f" {target}")
    )
    stage = LINES[begin : LINES.index("USER 990", begin)]
    copies = [number for number, line in enumerate(stage) if line.startswith("COPY ") and "--from=" not in line]
    (opened,) = (number for number, line in enumerate(stage) if "chmod -R go+rX" in line)
    assert opened > max(copies) and stage[opened].index("compileall") < stage[opened].index("chmod")
    folders = stage[opened].split("chmod -R go+rX ")[1].split(" && ")[0].split()
    targets = [stage[number].split()[-1] for number in copies]
    assert {target.rstrip("/") for target in targets if target.startswith("/")} == set(folders) - {"."}
    assert "." in folders  # all other targets are below the working folder


LIKE_IN_THE_IMAGE = """
import json, sys
from importlib.metadata import packages_distributions
image, owners = set(sys.argv[1].split()), packages_distributions()

class Hidden:
    @staticmethod
    def find_spec(name, *_):
        of = {each.lower().replace("_", "-") for each in owners.get(name, [])}
        if of and not of & image:
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)

sys.meta_path.insert(0, Hidden)
import api.app, api.__main__, stack.containers.service, requests
print(json.dumps(sorted({each for name in sys.modules for each in owners.get(name, [])})))
"""


def test_the_image_of_the_api_holds_all_that_it_imports_and_names_nothing_else() -> None:
    held = re.findall(r"^([\w.-]+)==", (CHECKOUT / "requirements" / "api.txt").read_text(), re.MULTILINE)
    named = re.findall(r"^([\w-]+)", (CHECKOUT / "requirements" / "api.in").read_text(), re.MULTILINE)
    command = [sys.executable, "-c", LIKE_IN_THE_IMAGE, " ".join(held)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    imported = {name.lower().replace("_", "-") for name in json.loads(done.stdout)}
    assert set(named) - imported == set()


@pytest.mark.parametrize(
    "target",
    [
        "compose-up",
        "compose-demo",
        "compose-run",
        "compose-down",
        "compose-backup",
        "compose-erasures",
        "compose-restore",
        "cluster-up",
    ]
    + ["image-licences"],
)
def test_containers_need_no_environment_of_python_on_this_machine(target: str) -> None:
    """As if the environment had to be made anew, which a target that needs it would do first."""
    command = ["make", "-n", "-W", "requirements/lock.txt", target]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "docker" in done.stdout, done.stderr
    assert ".venv" not in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compose-run"], "Say which command: make compose-run COMMAND="),
        (["compose-backup"], "Say where to: make compose-backup TO="),
        (["compose-erasures"], "Say where to: make compose-erasures TO="),
        (["compose-restore", "FROM=docs", "ERASURES=NONE"], "Say which backup, the newest list of erasures"),
        (["compose-restore", "FROM=/absent", "ERASURES=NONE", "WHY=x"], "FOLDER and FILE must be there"),
        (["compose-restore", "FROM=docs", "ERASURES=/absent", "WHY=x"], "FOLDER and FILE must be there"),
        (["compose-restore", "FROM=docs", "WHY=x"], "(NONE: nobody was erased since)"),
    ],
)
def test_what_containers_need_to_be_told_is_asked_for_before_anything_is_done(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "COMMAND",
        "TO",
        "FROM",
        "ERASURES",
        "WHY",
        "MAKEFLAGS",
        "MAKELEVEL",
    ):  # of the make that runs the tests
        monkeypatch.delenv(name, raising=False)
    done = subprocess.run(["make", *words], cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and said in done.stderr and done.stdout == ""
