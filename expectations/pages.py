"""Keeps the results of audits as JSON and shows them as static pages: one an audit, and an index of the latest."""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

INDEX_ROWS = 200
KEPT = 100  # audits that are never too old
LONGEST_VALUE = 200  # characters of a value in a sample
_TEMPLATES = Path(__file__).with_name("templates")
_ORDER = ("failed", "waived", "refused", "passed", "skipped")  # of checks on a page
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")


def write(folder: Path, audit: Mapping[str, Any]) -> str:
    """Writes <name>.json, <name>.html and index.html into `folder`; an audit of the same name is replaced.

    Readers and other writers see each file as it was or as it is, never half of it.

    audit: name, verdict, time (ISO 8601, UTC), failed_critical, refused (rules of which single rows were refused), note,
    and checks with name, description, severity, scope, outcome, observed, expectations and sample (a list of rows as
    mappings).

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


def prune(folder: Path, before: dt.datetime, keep: int = KEPT) -> int:
    """Deletes audits, results and pages alike, that were written before a time; never one of the last `keep`.

    Returns how many audits it deleted.
    """
    if not folder.is_dir():
        return 0
    with _only_one(folder / ".lock"):
        old = [path for written, path in _by_age(folder)[keep:] if written < before.timestamp() * 1e9]
        for path in old:
            # Result first: without it the index does not list the page.
            path.unlink(missing_ok=True)
            path.with_suffix(".html").unlink(missing_ok=True)
        if old:
            _replace(folder / "index.html", index(latest(folder)))
    return len(old)


def drop_samples(folder: Path, drop: Callable[[str, Mapping[str, Any]], bool]) -> int:
    """Removes the sample rows for which `drop(name of the audit, row)` is true, from results and pages alike.

    Returns how many audits had such rows. Ages of files stay as they are.
    """
    changed = 0
    for result in sorted(folder.glob("*.json")):
        audit = json.loads(result.read_text(encoding="utf-8"))
        rows = sum(len(check["sample"]) for check in audit["checks"])
        for check in audit["checks"]:
            check["sample"] = [row for row in check["sample"] if not drop(audit["name"], row)]
        if rows == sum(len(check["sample"]) for check in audit["checks"]):
            continue
        changed += 1
        times = result.stat()
        _replace(result.with_suffix(".html"), page(audit))
        _replace(result, json.dumps(audit, ensure_ascii=False, indent=1, default=str))
        os.utime(result, ns=(times.st_atime_ns, times.st_mtime_ns))
    return changed


def page(audit: Mapping[str, Any]) -> str:
    """The page of one audit: failed checks first, critical ones before warnings."""
    audit = _with_outcomes(audit)
    order = sorted(audit["checks"], key=lambda check: (_ORDER.index(check["outcome"]), check["severity"]))
    return _environment().get_template("audit.html").render(audit=audit, checks=order)


def index(audits: list[Mapping[str, Any]]) -> str:
    """The page that lists audits in the order given."""
    shown = [_with_outcomes(audit) for audit in audits]
    return _environment().get_template("index.html").render(audits=shown, limit=INDEX_ROWS)


def latest(folder: Path) -> list[Mapping[str, Any]]:
    """The last `INDEX_ROWS` audits, latest first. Reads no more files than that, however many there are."""
    return [json.loads(path.read_text(encoding="utf-8")) for _, path in _by_age(folder)[:INDEX_ROWS]]


def _with_outcomes(audit: Mapping[str, Any]) -> Mapping[str, Any]:
    """An audit in today's form; results that are older say `success` of each check, also of those that did not run."""

    def outcome(check: Mapping[str, Any]) -> str:
        if "outcome" in check:
            return str(check["outcome"])
        if not check["success"]:
            return "failed"
        return "skipped" if check["observed"].startswith("not checked") else "passed"

    checks = [{**check, "outcome": outcome(check)} for check in audit["checks"]]
    return {"refused": [], "note": "", **audit, "checks": checks}


def _by_age(folder: Path) -> list[tuple[int, Path]]:
    """When each result was written (nanoseconds), and its file, latest first."""
    with os.scandir(folder) as entries:
        files = [(entry.stat().st_mtime_ns, Path(entry.path)) for entry in entries if entry.name.endswith(".json")]
    return sorted(files, reverse=True)


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
