"""What the tables in a backup's folder say, without any server: here those of a dump of a stack that was killed."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from lakehouse.ledger.offsets import Log
from lakehouse.settings import CHECKOUT
from stack.state.backup import _partitions
from stack.state.copied import Copied
from stack.state.manifest import BackupError


@pytest.fixture
def copied(tmp_path: Path) -> Copied:
    """Entry 13 is decided, and in raw; 14 is planned, and not in raw."""
    with tarfile.open(CHECKOUT / "tests" / "upgrade" / "e23739f" / "passed.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return Copied(tmp_path)


def test_a_batch_that_is_planned_and_not_in_raw_is_not_read(copied: Copied) -> None:
    assert [(each.entry_id, each.decision is not None) for each in copied.ledger.open_entries] == [
        (13, True), (14, False)
    ]  # fmt: skip
    assert not copied.newest_is_in_raw
    newest = copied.ledger.newest_ingest
    assert newest is not None and newest.entry_id == 14
    ends = [Log(each.at, 0, each.until + 2) for each in newest.ranges]
    found = {(p.topic, p.partition): (p.next_offset, p.end, p.waiting) for p in _partitions(copied.ledger, False, ends)}
    assert found == {(r.at.topic, r.at.partition): (r.start, r.until + 2, r.until + 2 - r.start) for r in newest.ranges}
    read = [each.next_offset for each in _partitions(copied.ledger, True, [])]
    assert read == [each.until for each in sorted(newest.ranges)]


def test_a_topic_that_no_batch_names_is_named_from_its_beginning(copied: Copied) -> None:
    newest = copied.ledger.newest_ingest
    assert newest is not None
    at = newest.ranges[0].at
    new = Log(type(at)("new", "id", 0), 0, 3)
    (only,) = [each for each in _partitions(copied.ledger, True, [new]) if each.topic == "new"]
    assert (only.next_offset, only.waiting) == (0, 3)


def test_who_was_erased_is_read_from_the_copy_and_a_missing_table_is_named(copied: Copied, tmp_path: Path) -> None:
    assert [(each.who, each.why) for each in copied.erasures] == [("tester", "a test")]
    with pytest.raises(BackupError, match="has no table ops.erasures that can be read"):
        Copied(tmp_path / "absent").erasures  # noqa: B018
