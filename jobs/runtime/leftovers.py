"""Deletes what Spark and its workers leave in Spark's own temporary folder while the server runs."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

EVERY_SECONDS = 3_600.0
EMPTY_SECONDS = 3_600.0  # the age of what Spark made for a session, and left empty
DEAD_SECONDS = 86_400.0  # the age of a worker's folder: no task takes so long, so its worker died


def tidy(folder: Path, now: float) -> None:
    """Deletes empty folders of ended sessions, and folders of workers that died. These hold events.

    Spark Connect 4.1 makes a folder below `spark_connect_model_cache` for each session, and only empties it at its end.
    A worker (jobs/staging/candidates.py) deletes its own folder, `tmp…`, unless it is killed.
    """
    for each in _older(folder / "spark_connect_model_cache", "*", now - EMPTY_SECONDS):
        with contextlib.suppress(OSError):  # it is not empty: the session goes on
            each.rmdir()
    for each in _older(folder, "tmp*", now - DEAD_SECONDS):
        shutil.rmtree(each, ignore_errors=True)


def _older(folder: Path, pattern: str, than: float) -> list[Path]:
    return [each for each in folder.glob(pattern) if each.is_dir() and each.stat().st_mtime < than]
