"""A text is cut into statements where Trino would cut it."""

from __future__ import annotations

import pytest

from operations.statements import StatementError, statements


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("select 1", ["select 1"]),
        ("select 1;", ["select 1"]),
        (" ;; select 1 ; ;select 2;\n", ["select 1", "select 2"]),
        ("select 'a;b', 'it''s;', \"c;d\" ; select 2", ["select 'a;b', 'it''s;', \"c;d\"", "select 2"]),
        ("select 'a\\'; select '", ["select 'a\\'", "select '"]),
        ("select 1 -- one; two\n; select /* ; */ 2", ["select 1", "select /* ; */ 2"]),
        ("-- nothing; at all", []),
        ("/* ; */", []),
        ("", []),
        ('show columns from "a;b"; use game', ['show columns from "a;b"', "use game"]),
        ("execute immediate 'select ;1'; describe x", ["execute immediate 'select ;1'", "describe x"]),
        ("select 'ü龍;' ;select U&'\\0041;'", ["select 'ü龍;'", "select U&'\\0041;'"]),
        ("select\n  1\n  , 2\n;\n", ["select\n  1\n  , 2"]),
    ],
)
def test_a_semicolon_ends_a_statement_unless_it_is_part_of_one(text: str, found: list[str]) -> None:
    if text.startswith("select 'a\\'"):  # the last text is not closed: Trino knows no backslash
        with pytest.raises(StatementError):
            statements(text)
        return
    assert [each.text for each in statements(text)] == found


def test_a_backslash_ends_no_text() -> None:
    assert [each.text for each in statements("select 'a\\'; select 2")] == ["select 'a\\'", "select 2"]


def test_a_statement_knows_its_line() -> None:
    assert [each.line for each in statements("-- why\nselect 1;\n\n  select\n 2; select 3")] == [2, 4, 5]


@pytest.mark.parametrize("text", ["select 'a", 'select "a', "select 1; select '"])
def test_what_is_not_closed_is_said(text: str) -> None:
    with pytest.raises(StatementError, match=r"^the SQL ends inside of a text \('...'\), a quoted name"):
        statements(text)
