"""Reads the locked Python packages: versions and hashes from requirements/*.txt, licences from what is installed."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from release.component import Component

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")
_LONGEST_NAME = 100  # characters; some packages put the whole text where the name of a licence belongs


class LockError(ValueError):
    """A lock cannot be read or is not what is installed; the message names it."""


@dataclass(frozen=True)
class Pin:
    """A package of a lock: `asked_by` are the packages, or .in files, that ask for it."""

    name: str
    version: str
    sha256: tuple[str, ...]
    asked_by: tuple[str, ...]


def normal(name: str) -> str:
    """The one way to spell a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> list[Pin]:
    """Every package of a lock that `uv pip compile` wrote.

    Raises:
        LockError: a package has no hash.
    """
    found = []
    for block in re.split(r"\n(?=[A-Za-z0-9])", "\n" + re.sub(r"(?m)^#.*\n", "", lock)):
        pin = _PIN.match(block.strip())
        if not pin:
            continue
        hashes = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
        if not hashes:
            raise LockError(f"{pin[1]} {pin[2]} has no hash: write the locks anew with `make lock`")
        via = block.partition("# via")[2]
        asked = tuple(line.strip("# ") for line in via.splitlines() if line.strip("# "))
        found.append(Pin(normal(pin[1]), pin[2], hashes, asked))
    return found


def read_all(locks: Mapping[str, str], installed: Sequence[Path]) -> list[Component]:
    """Each package of a version once, with every lock (path and text) that holds it.

    `installed`: folders of installed packages, which say their licences.
    """
    versions: dict[tuple[str, str], list[tuple[str, Pin]]] = {}
    for path, text in locks.items():
        for pin in pins(text):
            versions.setdefault((pin.name, pin.version), []).append((path, pin))
    said = _licences(installed)
    needs: dict[str, set[str]] = {}
    for (name, _), entries in versions.items():
        for _, pin in entries:
            for by in pin.asked_by:
                needs.setdefault(normal(by), set()).add(name)
    return [
        Component(
            "pypi",
            "",
            name,
            version,
            sha256=tuple(sorted({digest for _, pin in entries for digest in pin.sha256})),
            says=said.get((name, version), ()),
            places=tuple(path for path, _ in entries),
            where=tuple(path for path, _ in entries),
            needs=tuple(sorted(needs.get(name, ()))),
        )
        for (name, version), entries in sorted(versions.items())
    ]


def _licences(installed: Iterable[Path]) -> dict[tuple[str, str], tuple[str, ...]]:
    found = {}
    for folder in installed:
        for package in importlib.metadata.distributions(path=[str(folder)]):
            found[normal(package.name), package.version] = licences_of(package.metadata)
    return found


def licences_of(metadata: importlib.metadata.PackageMetadata) -> tuple[str, ...]:
    """What a package says: an SPDX expression, else its classifiers' names, else the field of older packages."""
    said = metadata.json
    if expression := said.get("license_expression"):
        return (str(expression),)
    classifiers = [
        str(each).rpartition(" :: ")[2] for each in said.get("classifier", []) if str(each).startswith("License ::")
    ]
    named = tuple(each for each in classifiers if each not in ("OSI Approved", "DFSG approved"))
    field = str(said.get("license", "")).strip()
    exact = (field,) if field and len(field) <= _LONGEST_NAME and "\n" not in field and field != "UNKNOWN" else ()
    vague = any(name in ("BSD License", "Apache Software License") for name in named)
    return exact if exact and (vague or not named) else named
