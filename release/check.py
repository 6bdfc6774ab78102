"""`make release-check`: everything that must hold before a release, except for the tests that need servers."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from lakehouse.settings import CHECKOUT
from lakehouse.version import VERSION
from release import changelog, inventory, jars, packages, page, policy, sbom
from stack import progress

BUILD = CHECKOUT / "build"
SBOM = BUILD / "sbom.cdx.json"
NOT_CHECKED = "Not part of it: the tests that need servers. `make test` runs them all."
_LOCK_SECONDS = 300.0
_TESTS_SECONDS = 1800.0
# What no file of the project may hold -> what it is.
_FOREIGN = {
    re.compile(
        r"(?:pypi|pythonhosted|npmjs)\.org|repo1?\.maven(?:\.apache)?\.org|deb\.debian\.org"
    ): "the address of a registry",
    re.compile(r"--(?:extra-)?index-url|--find-link[s]"): "an option that names a registry",
    re.compile(r"(?<![\w.])/(?:root|work|Users)/\w|(?<![\w.])/home/(?!airflow\b)\w"): "a path of somebody's machine",
}
_INDEX_VARIABLES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX")


class CheckError(Exception):
    """Something does not hold; the message says what, where and what to do."""


@dataclass(frozen=True)
class Checkout:
    """What is checked, and where progress is told."""

    say: Callable[[str], None]
    servers: Path
    folder: Path = CHECKOUT

    @cached_property
    def policy(self) -> policy.Policy:
        return policy.load()

    @cached_property
    def inventory(self) -> inventory.Inventory:
        self.say("  reading packages and jars ...")
        return inventory.take(self.policy, self.servers, self.folder)

    def git(self, *arguments: str) -> str:
        """What git answers, without the space around it."""
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode:
            raise CheckError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip()


def check(checkout: Checkout, checks: Mapping[str, Callable[[Checkout], str]] | None = None) -> list[str]:
    """Runs all checks, also behind one that fails. Returns the failures, a line each."""
    failures = []
    for title, run in (checks or CHECKS).items():
        checkout.say(f"== {title}")
        try:
            checkout.say(f"  {run(checkout)}")
        except _REFUSALS as error:
            failures.append(f"{title}: {error}")
            checkout.say(f"  FAILED: {error}")
    return failures


def clean(checkout: Checkout) -> str:
    """Nothing is changed, and no file is waiting to be added."""
    if changed := checkout.git("status", "--porcelain"):
        first = changed.splitlines()
        raise CheckError(
            f"{first[0].split(maxsplit=1)[1]} is not committed ({len(first)} such files): commit or remove them"
        )
    return f"commit {checkout.git('rev-parse', '--short', 'HEAD')}"


def version(checkout: Checkout) -> str:
    """The version and the changelog agree, and so does the tag of the commit, if it has one."""
    tags = [tag for tag in checkout.git("tag", "--points-at", "HEAD").splitlines() if re.fullmatch(r"v[\d.]+", tag)]
    text = (checkout.folder / "CHANGELOG.md").read_text()
    return changelog.agreed(text, VERSION, tags[0] if tags else None)


def locks(checkout: Checkout) -> str:
    """`make lock` would change nothing. Asks the cache first, and the registries only for what is not in it."""
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / "requirements"
        shutil.copytree(checkout.folder / "requirements", copied)
        uv = checkout.folder / ".venv" / "bin" / "uv"
        command = [
            "make",
            "--directory",
            folder,
            "--file",
            str(checkout.folder / "Makefile"),
            "lock",
            "READY=",
            f"UV={uv}",
        ]
        try:
            _run(checkout, command, _LOCK_SECONDS, {"UV_OFFLINE": "1"})
            how = "from the cache"
        except CheckError:
            shutil.copytree(checkout.folder / "requirements", copied, dirs_exist_ok=True)
            _run(checkout, command, _LOCK_SECONDS, {})
            how = "from the registries"
        changed = [
            file.name
            for file in sorted(copied.glob("*.txt"))
            if file.read_bytes() != (checkout.folder / "requirements" / file.name).read_bytes()
        ]
    if changed:
        raise CheckError(f"requirements/{changed[0]} is not what its .in file gives: run `make lock`")
    return f"compiled again {how}: no change"


def lint(checkout: Checkout) -> str:
    """Style, format and types."""
    _run(checkout, ["make", "lint"], _TESTS_SECONDS, {})
    return "style, format and types hold"


def unit(checkout: Checkout) -> str:
    """The tests without servers. One of them holds that every command of the README is known to the tests."""
    return _run(checkout, ["make", "unit"], _TESTS_SECONDS, {})[-1].strip("= ")


def addresses(checkout: Checkout) -> str:
    """No file of the project holds the address of a registry or a path of a machine."""
    patterns = dict(_FOREIGN)
    for host in registry_hosts(os.environ):
        patterns[re.compile(re.escape(host))] = "the address of this machine's registry"
    patterns[re.compile(re.escape(str(checkout.folder)) + r"\b")] = "the path of this checkout"
    names = checkout.git("ls-files", "-z").split("\0")
    for name in filter(None, names):
        file = checkout.folder / name
        if not file.is_file() or b"\0" in (content := file.read_bytes()):
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            for pattern, what in patterns.items():
                if pattern.search(line):
                    raise CheckError(f"{name}:{number} holds {what}: take it out")
    return f"none in {len(names) - 1} files"


def registry_hosts(environment: Mapping[str, str]) -> list[str]:
    """The hosts of the registries that the environment names, without those of this machine."""
    words = [word for name in _INDEX_VARIABLES for word in environment.get(name, "").split()]
    hosts = {
        urlsplit(word.partition("=")[2] if "=" in word.partition("://")[0] else word).hostname or "" for word in words
    }
    return sorted(hosts - {"", "localhost", "127.0.0.1"})


def bill(checkout: Checkout) -> str:
    """The bill of materials is written, and CycloneDX's schema takes it."""
    return write_sbom(checkout.inventory)


def write_sbom(taken: inventory.Inventory) -> str:
    """Writes build/sbom.cdx.json. Returns one sentence on what is in it."""
    BUILD.mkdir(exist_ok=True)
    SBOM.write_text(sbom.written(taken, commit_time()))
    counts = ", ".join(f"{number:,} {name}" for name, number in sbom.summary(taken).items())
    return f"{SBOM.relative_to(CHECKOUT)} is valid: {counts}"


def licences(checkout: Checkout) -> str:
    """Every licence is allowed or accepted, and docs/licences.md is what is inside."""
    objections = [each for one in checkout.inventory.all() if (each := checkout.policy.objection(one))]
    if objections:
        raise CheckError("; ".join(sorted(set(objections))))
    if stale := policy.unused(checkout.policy, checkout.inventory.top()):
        raise CheckError(f"release/licences.yaml names what is not inside any more, take it out: {', '.join(stale)}")
    if page.PAGE.read_text() != licences_page(checkout):
        raise CheckError("docs/licences.md is not what is inside: run `make licences`, and look at what changed")
    return f"{len(page.by_licence(checkout.inventory, checkout.policy))} licences, all allowed or accepted"


def licences_page(checkout: Checkout) -> str:
    """docs/licences.md as it should be."""
    return page.rendered(checkout.inventory, checkout.policy, page.taken_in(CHECKOUT / "docker"))


def commit_time() -> dt.datetime:
    """When the commit was made, so that one commit always gives the same document."""
    done = subprocess.run(
        ["git", "log", "-1", "--format=%cI"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    with suppress(ValueError):
        return dt.datetime.fromisoformat(done.stdout.strip())
    return dt.datetime.now(dt.UTC)


def _run(checkout: Checkout, command: Sequence[str], limit_seconds: float, more: Mapping[str, str]) -> Sequence[str]:
    """Runs a command of this checkout, with progress every few seconds. Returns its last lines."""
    outer = [f"--unset={name}" for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")]  # of the make that runs this
    given = [f"{name}={value}" for name, value in more.items()]
    program = ["env", f"--chdir={checkout.folder}", *outer, *given, *command]
    try:
        return progress.run(program, checkout.say, limit_seconds=limit_seconds)
    except subprocess.CalledProcessError as error:
        checkout.say(str(error.output))
        raise CheckError(f"`{' '.join(command[:2])}` failed; its last lines are above") from error
    except subprocess.TimeoutExpired as error:
        raise CheckError(f"`{' '.join(command[:2])}` took over {limit_seconds:.0f} s") from error


_REFUSALS = (
    CheckError,
    changelog.ChangelogError,
    inventory.InventoryError,
    jars.JarError,
    packages.LockError,
    policy.PolicyError,
    sbom.SbomError,
)
CHECKS: Mapping[str, Callable[[Checkout], str]] = {
    "the working tree is clean": clean,
    "version and changelog agree": version,
    "no address of a registry, no path of a machine": addresses,
    "the locks are what the .in files give": locks,
    "style, format and types": lint,
    "the bill of materials": bill,
    "licences": licences,
    "tests without servers": unit,
    "the working tree is still clean": clean,
}
