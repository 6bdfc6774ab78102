"""Rows are readable whatever the width of the terminal, and cannot make it do anything."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from operations import grid
from operations.grid import cell, shown

ROWS = [
    {"reason_code": "not_json", "rows": 3, "share": Decimal("0.5")},
    {"reason_code": "rule:red", "rows": 1200, "share": None},
]


def text(rows: Sequence[Mapping[str, Any]], width: int | None) -> str:
    return grid.text(list(rows[0]), [list(row.values()) for row in rows], width)


def tabbed(rows: Sequence[Mapping[str, Any]]) -> str:
    return grid.tabbed(list(rows[0]), [list(row.values()) for row in rows])


def test_a_table_that_fits_is_a_grid_with_numbers_to_the_right() -> None:
    assert text(ROWS, 80).splitlines() == [
        " reason_code | rows | share",
        "-------------+------+-------",
        " not_json    |    3 |   0.5",
        " rule:red    | 1200 |",
    ]


def test_one_that_does_not_fit_is_one_field_a_line() -> None:
    assert text(ROWS, 27).splitlines() == [
        "-- row 1 --",
        "reason_code | not_json",
        "rows        | 3",
        "share       | 0.5",
        "-- row 2 --",
        "reason_code | rule:red",
        "rows        | 1200",
        "share       |",
    ]
    assert text(ROWS, 28).startswith(" reason_code")


def test_a_file_may_be_as_wide_as_it_is() -> None:
    assert text(ROWS, None) == text(ROWS, 80)


def test_no_value_is_cut_however_wide_the_row_is() -> None:
    row = {f"column_{number}": f"value-{number}-" + "x" * 100 for number in range(30)}
    shown = text([row], 80)
    assert all(value in shown for value in row.values())


def test_a_program_gets_the_names_and_rows_with_tabs_between() -> None:
    assert tabbed(ROWS) == "reason_code\trows\tshare\nnot_json\t3\t0.5\nrule:red\t1200\t"


def test_columns_stand_below_each_other_in_any_script() -> None:
    assert text([{"p": "龍", "n": 1}, {"p": "é", "n": 1}], 80).splitlines()[2:] == [" 龍 | 1", " é  | 1"]


def test_control_characters_are_written_out() -> None:
    assert cell("a\x1b[31mb\tc\nd\x00\u202e") == r"a\x1b[31mb\tc\nd\x00\u202e"
    assert tabbed([{"x\n": "[/b] [red]x[/red] :smile:\x1b"}]) == "x\\n\n[/b] [red]x[/red] :smile:\\x1b"


def test_values_are_shown_as_they_are() -> None:
    shown = [cell(value) for value in (None, True, 1.5, dt.date(2026, 1, 2), ["a"], b"\x1b")]
    assert shown == ["", "True", "1.5", "2026-01-02", "['a']", r"b'\x1b'"]


def test_only_columns_of_numbers_stand_to_the_right() -> None:
    rows: list[dict[str, Any]] = [{"yes": True, "mixed": 1, "none": None}, {"yes": False, "mixed": "a", "none": None}]
    assert text(rows, 80).splitlines() == [
        " yes   | mixed | none",
        "-------+-------+------",
        " True  | 1     |",
        " False | a     |",
    ]


def test_what_is_shown_has_the_width_of_the_terminal_if_it_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda: SimpleNamespace(columns=27))
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: True))
    assert shown(ROWS) == text(ROWS, 27)
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: False))
    assert shown(ROWS) == tabbed(ROWS)
