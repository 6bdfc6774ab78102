"""The snapshots that a killed backup leaves: which are deleted by the daily work, and that this is said."""

from __future__ import annotations

from typing import Any, cast

import pytest

from jobs.upkeep import snapshots as module
from tests.unit.jobs.upkeep.kept import LOCAL, Kept, Listening


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    monkeypatch.setattr(module, "Hdfs", Kept)
    monkeypatch.setattr(Kept, "days", {})
    return Kept.days


def test_only_snapshots_of_backups_that_are_too_old_to_go_on_are_deleted(kept: dict[str, float]) -> None:
    kept |= {"backup-killed": 2.1, "backup-going-on": 1.9, "of-somebody-else": 100}
    job: Any = Listening()
    module.delete_left(job)
    assert set(kept) == {"backup-going-on", "of-somebody-else"}
    (line,) = job.said
    assert line.startswith("deleted the snapshot backup-killed of 20") and "a backup left" in line


def test_without_snapshots_nothing_is_said(kept: dict[str, float]) -> None:
    job: Any = Listening()
    module.delete_left(job)
    assert job.said == []


def test_a_local_folder_has_no_snapshots(kept: dict[str, float]) -> None:
    kept["backup-of-another-warehouse"] = 3
    module.delete_left(cast(Any, Listening(LOCAL)))
    assert set(kept) == {"backup-of-another-warehouse"}
