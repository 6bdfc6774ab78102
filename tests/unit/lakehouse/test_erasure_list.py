"""The list of erasures: appended once, whole after a kill, and what of it a restored table lacks."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from lakehouse.erasure_list import Erased, ErasureListError, erased, keep, later, read

ANNA = Erased("2026-11-01T00:00:00.000000+00:00", "a" * 64, "ada", "request 1")
BOB = Erased("2026-11-02T00:00:00.000000+00:00", "b" * 64, "ada", "request 2")
ANNA_AGAIN = Erased("2026-11-03T00:00:00.000000+00:00", "a" * 64, "ada", "request 3")


def test_each_erasure_is_listed_once(tmp_path: Path) -> None:
    file = tmp_path / "kept" / "erasures.jsonl"
    assert (keep(file, []), read(file)) == (0, [])
    assert keep(file, [BOB, ANNA]) == 2
    assert keep(file, [ANNA, BOB, ANNA_AGAIN]) == 1
    assert read(file) == [ANNA, BOB, ANNA_AGAIN]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_line_that_a_kill_cut_off_does_not_count_and_is_written_again(tmp_path: Path) -> None:
    file = tmp_path / "erasures.jsonl"
    keep(file, [ANNA, BOB])
    file.write_text(file.read_text()[:-20])
    assert read(file) == [ANNA]
    assert keep(file, [ANNA, BOB]) == 1
    assert read(file) == [ANNA, BOB]


def test_a_damaged_line_and_a_list_that_cannot_be_read_or_written_are_named(tmp_path: Path) -> None:
    file = tmp_path / "erasures.jsonl"
    keep(file, [ANNA])
    file.write_text(file.read_text() + '{"who": "ada"}\n')
    for use in (lambda: read(file), lambda: keep(file, [BOB])):
        with pytest.raises(ErasureListError, match="erasures.jsonl, line 2, is no erasure"):
            use()
    with pytest.raises(ErasureListError, match="cannot be read"):
        read(tmp_path / "absent")
    with pytest.raises(ErasureListError, match="cannot be written .*LAKEHOUSE_ERASURE_LIST_FILE"):
        keep(tmp_path, [ANNA])


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"\xff\xfe{\0", "'\ufffd\ufffd{\\x00'"),
        (b'{"erased_at": 1, "player_hash": "a", "who": "ada", "why": "x"}', '\'{"erased_at": 1, '),
    ],
)
def test_what_is_no_list_is_said_with_its_line(tmp_path: Path, line: bytes, shown: str) -> None:
    file = tmp_path / "erasures.jsonl"
    keep(file, [ANNA])
    file.write_bytes(file.read_bytes() + line + b"\n")
    for use in (lambda: read(file), lambda: keep(file, [BOB])):
        with pytest.raises(ErasureListError) as raised:
            use()
        assert str(raised.value).startswith(f"{file}, line 2, is no erasure: {shown}")


def test_later_are_those_whose_player_the_tables_did_not_erase_then_or_after() -> None:
    assert later([ANNA, BOB, ANNA_AGAIN, BOB], []) == [ANNA, BOB, ANNA_AGAIN]
    assert later([ANNA, BOB, ANNA_AGAIN], [ANNA]) == [BOB, ANNA_AGAIN]
    assert later([ANNA, BOB, ANNA_AGAIN], [ANNA, BOB, ANNA_AGAIN]) == []
    restored = Erased("2026-12-01T00:00:00.000000+00:00", ANNA.player_hash, "ada", "request 3")  # erased again
    assert later([ANNA, ANNA_AGAIN], [ANNA, restored]) == []


def test_a_time_is_listed_in_utc() -> None:
    at = dt.datetime(2026, 11, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    assert erased("a" * 64, at, "ada", "request 1") == ANNA
