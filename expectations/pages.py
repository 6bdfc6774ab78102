"""Keeps the results of audits as JSON and shows them as static pages: one an audit, and an index of the latest."""

from __future__ import annotations

import fcntl
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

INDEX_ROWS = 200
LONGEST_VALUE = 200  # characters of a value in a sample
_TEMPLATES = Path(__file__).with_name("templates")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")


def write(folder: Path, audit: Mapping[str, Any]) -> str:
    """Writes <name>.json, <name>.html and index.html into `folder`; an audit of the same name is replaced.

    Readers and other writers see each file as it was or as it is, never half of it.

    audit: name, verdict, time (ISO 8601, UTC), failed_critical, and checks with name, description, severity, scope,
    success, observed, expectations and sample (a list of rows as mappings).

    Returns:
        The page's path in the folder.

    Raises:
        ValueError: the name cannot be a file's name.
    """
    name = str(audit["name"])
    if not _NAME.fullmatch(name) or name == "index":
        raise ValueError(f"{name!r} cannot name a page; use letters, digits, dots, underscores and hyphens")
    folder.mkdir(parents=True, exist_ok=True)
    # Page first: what the index lists exists.
    _replace(folder / f"{name}.html", page(audit))
    _replace(folder / f"{name}.json", json.dumps(audit, ensure_ascii=False, indent=1, default=str))
    with _only_one(folder / ".lock"):  # so that an older listing never replaces a newer one
        _replace(folder / "index.html", index(latest(folder)))
    return f"{name}.html"


def page(audit: Mapping[str, Any]) -> str:
    """The page of one audit: failed checks first, critical ones before warnings."""
    order = sorted(audit["checks"], key=lambda check: (check["success"], check["severity"]))
    return _environment().get_template("audit.html").render(audit=audit, checks=order)


def index(audits: list[Mapping[str, Any]]) -> str:
    """The page that lists audits in the order given."""
    return _environment().get_template("index.html").render(audits=audits, limit=INDEX_ROWS)


def latest(folder: Path) -> list[Mapping[str, Any]]:
    """The last `INDEX_ROWS` audits, latest first. Reads no more files than that, however many there are."""
    with os.scandir(folder) as entries:
        files = [(entry.stat().st_mtime_ns, entry.path) for entry in entries if entry.name.endswith(".json")]
    return [json.loads(Path(path).read_text(encoding="utf-8")) for _, path in sorted(files, reverse=True)[:INDEX_ROWS]]


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _replace(path: Path, text: str) -> None:
    """Writes beside the file and renames, which is atomic."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".new")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    with lock.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
