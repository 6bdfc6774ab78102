"""The daily work as a whole: its order, and what one part's failure means for the others."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.daily import inventory
from jobs.upkeep import compaction, erasures, housekeeping, purge, snapshots, table_health
from jobs.upkeep.daily_work import do_daily_work
from tests.unit.jobs.messages import CONTRACTS
from tests.unit.jobs.upkeep.kept import Listening

PARTS: dict[str, tuple[Any, str]] = {
    "tables": (table_health, "check"),
    "inventory": (inventory, "make_months"),
    "compaction": (compaction, "compact"),
    "staging": (housekeeping, "clean_staging"),
    "snapshots": (snapshots, "delete_left"),
    "properties": (housekeeping, "set_properties"),
    "vacuum": (housekeeping, "vacuum"),
    "pages": (purge, "delete_former_pages"),
    "erased players": (purge, "purge_erased"),
    "list of erasures": (erasures, "list_erasures"),
    "purged players": (purge, "note_purged"),
}
DELETING = {"vacuum", "pages", "erased players"}


@pytest.fixture
def did(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parts that were done."""
    done: list[str] = []

    def noting(name: str) -> Callable[..., list[Any]]:
        def work(*_: object) -> list[Any]:
            done.append(name)
            return []

        return work

    for name, (module, function) in PARTS.items():
        monkeypatch.setattr(module, function, noting(name))
    return done


def problems() -> list[str]:
    job: Any = Listening(contracts=CONTRACTS, hooks=SimpleNamespace(at=lambda point: None))
    return do_daily_work(job)


def test_snapshots_that_keep_deleted_files_go_before_old_files_are_deleted(did: list[str]) -> None:
    assert problems() == []
    assert did == list(PARTS)


@pytest.mark.parametrize("failing", PARTS)
def test_a_part_that_fails_stops_no_other_but_who_is_not_deleted_is_not_noted_as_purged(
    did: list[str], monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("HDFS is in safe mode")

    module, function = PARTS[failing]
    monkeypatch.setattr(module, function, fail)
    assert problems() == [f"{failing}: RuntimeError: HDFS is in safe mode"]
    left_out = {failing} | ({"purged players"} if failing in DELETING else set())
    assert did == [name for name in PARTS if name not in left_out]
