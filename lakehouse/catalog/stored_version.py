"""Which version of the project the stored state was last made for: a small file beside the tables."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from lakehouse.clients.hdfs import Hdfs
from lakehouse.settings import Settings
from lakehouse.version import VERSION

FILE = "_version.json"  # in the warehouse
UNNOTED = "a version that noted none"


class NewerStateError(Exception):
    """Newer code has moved the stored state on; the message says to which version."""


def stored_version(settings: Settings) -> str | None:
    """The noted version; None if there is none, as in a new warehouse, or in one of code that noted none.

    Raises:
        HdfsError: HDFS does not answer.
    """
    text = Hdfs(settings).read(f"{settings.warehouse}/{FILE}")
    try:
        return str(json.loads(text)["version"]) if text else None
    except (ValueError, KeyError, TypeError):  # a writer was killed
        return None


def refuse_newer(stored: str | None) -> None:
    """Older code must not work on what newer code has made.

    Raises:
        NewerStateError: it would.
    """
    if stored is not None and _numbers(stored) > _numbers(VERSION):
        raise NewerStateError(
            f"the stored state was made for version {stored}, and this is {VERSION}: use {stored} or a later one, or restore a "
            "backup that this version made"
        )


def note_version(settings: Settings) -> None:
    """Notes the version of this code."""
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / FILE
        local.write_text(json.dumps({"version": VERSION}))
        Hdfs(settings).write(f"{settings.warehouse}/{FILE}", local, replace=True)


def _numbers(version: str) -> tuple[int, ...]:
    """1.10.0 is later than 1.9.0. What is no number counts as newer than any."""
    return tuple(int(part) if part.isdigit() else 1 << 30 for part in version.split("."))
