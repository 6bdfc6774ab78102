"""Answers of Trino in each format, on a terminal and for a program."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
from decimal import Decimal
from typing import Any

import pytest

from lakehouse.clients.trino import Answer
from operations import grid
from operations.answers import Format, text

ANSWER = Answer(["name", "n"], [["a,b", 1], [None, 2]])
NOTHING = Answer(["n"], [])


def test_people_see_a_grid_and_programs_tabs() -> None:
    assert text(ANSWER, None, 80).splitlines()[2] == " a,b  | 1"
    assert text(ANSWER, None, None) == "name\tn\na,b\t1\n\t2"


def test_a_table_is_one_field_a_line_where_the_terminal_is_too_narrow() -> None:
    assert text(ANSWER, Format.TABLE, 5) == text(ANSWER, None, 5) == grid.text(ANSWER.columns, ANSWER.rows, 5)
    assert text(ANSWER, Format.TABLE, 5).startswith("-- row 1 --\nname | a,b")
    assert text(ANSWER, Format.TABLE, None).startswith(" name | n")


@pytest.mark.parametrize(
    ("answer", "table", "as_csv", "as_json"),
    [(NOTHING, "no rows", "n", []), (Answer([], []), "done", "", [])],
)
def test_what_has_no_rows_is_said_to_people_alone(answer: Answer, table: str, as_csv: str, as_json: list[Any]) -> None:
    assert text(answer, None, 80) == text(answer, None, None) == text(answer, Format.TABLE, 80) == table
    assert text(answer, Format.CSV, None) == as_csv
    assert json.loads(text(answer, Format.JSON, None)) == as_json


def test_csv_is_read_back_as_it_was() -> None:
    time = dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC)
    row: list[Any] = [
        'a "b"\nc\x1b',
        None,
        1.5,
        True,
        time,
        b"\x00\xff",
        Decimal("1.50"),
        ["x", 1],
        {"k": None},
        math.nan,
    ]
    answer = Answer([f"c{number}" for number in range(len(row))], [row])
    lines = list(csv.reader(io.StringIO(text(answer, Format.CSV, None))))
    assert lines == [
        answer.columns,
        [
            'a "b"\nc\x1b',
            "",
            "1.5",
            "true",
            "2026-01-02T03:00:00+00:00",
            "00ff",
            "1.50",
            '["x", 1]',
            '{"k": null}',
            "NaN",
        ],
    ]


def test_csv_on_a_terminal_is_harmless() -> None:
    assert text(Answer(["a\x1b"], [["b\x1b[31m"]]), Format.CSV, 80) == "a\\x1b\nb\\x1b[31m"


def test_json_is_a_list_of_objects_that_have_every_column() -> None:
    answer = Answer(["n", "n", "n_2", "m"], [[1, 2, 3, "ü"]])
    shown = text(answer, Format.JSON, 80)
    assert json.loads(shown) == [{"n": 1, "n_2": 2, "n_2_2": 3, "m": "ü"}] and shown.isascii()
