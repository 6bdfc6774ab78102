"""What trials have shown, kept as a JSON line each with the code that was tested: so that a stopped run goes on where it was."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import subprocess
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lakehouse.settings import CHECKOUT

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Result = TypeVar("Result", bound=DataclassInstance)

TESTED = (
    "api",
    "contracts",
    "docker",
    "expectations",
    "jobs",
    "lakehouse",
    "operations",
    "stack",
)  # a change in these makes results old


def code_hash(folders: Iterable[str] = TESTED) -> str:
    """Names what is tested: the same for all commits that do not differ in it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *folders],
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    digest = hashlib.sha256()
    for name in sorted(filter(None, listed.split("\0"))):
        file = CHECKOUT / name
        if file.is_file():
            digest.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:12]


def commit() -> str:
    """The commit that is checked out."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, check=True, text=True).stdout.strip()


def now() -> str:
    return f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def append(file: Path, result: DataclassInstance) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as out:
        out.write(json.dumps(asdict(result)) + "\n")


def read(file: Path, kind: type[Result]) -> list[Result]:
    """All results, oldest first; a last line that a crash cut off is left out."""
    found = []
    for line in file.read_text().splitlines() if file.exists() else []:
        try:
            found.append(kind(**json.loads(line)))
        except ValueError:
            continue
    return found
