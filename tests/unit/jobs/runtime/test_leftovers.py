"""What ended sessions and killed workers left in Spark's temporary folder is deleted; what is in use is not."""

from __future__ import annotations

import os
from pathlib import Path

from jobs.runtime.leftovers import DEAD_SECONDS, EMPTY_SECONDS, tidy

NOW = 1_800_000_000.0


def folder(path: Path, age: float, file: str = "") -> Path:
    path.mkdir(parents=True)
    if file:
        (path / file).write_text("an event")
    os.utime(path, (NOW - age, NOW - age))
    return path


def test_only_what_nobody_uses_is_deleted(tmp_path: Path) -> None:
    sessions = tmp_path / "spark_connect_model_cache"
    ended = folder(sessions / "ended", EMPTY_SECONDS + 1)
    gone = [ended, folder(tmp_path / "tmpdead", DEAD_SECONDS + 1, "part-1.parquet")]
    left = [
        folder(sessions / "new", EMPTY_SECONDS - 1),
        folder(sessions / "with_models", EMPTY_SECONDS + 1, "model"),
        folder(tmp_path / "tmpatwork", DEAD_SECONDS - 1, "part-2.parquet"),
        folder(tmp_path / "blockmgr-1", DEAD_SECONDS + 1, "shuffle"),
    ]
    tidy(tmp_path, NOW)
    assert not any(each.exists() for each in gone) and all(each.exists() for each in left)
    assert (left[1] / "model").exists() and (left[2] / "part-2.parquet").exists()


def test_a_folder_that_is_not_there_is_clean(tmp_path: Path) -> None:
    tidy(tmp_path / "none", NOW)
