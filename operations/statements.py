"""Cuts a text into its SQL statements: at the semicolons that stand neither in a text, a quoted name nor a comment."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sqlglot import Token


class StatementError(ValueError):
    """The text cannot be cut into statements; the message says from where on."""


class Statement(NamedTuple):
    """One statement without its semicolon, and the line of the text on which it begins, counted from 1."""

    text: str
    line: int


def statements(text: str) -> list[Statement]:
    """All statements of the text; what holds nothing but comments is none.

    Raises:
        StatementError: a text, a quoted name or a comment is not closed.
    """
    from sqlglot import TokenType, tokenize
    from sqlglot.errors import TokenError

    try:
        tokens = tokenize(text, read="trino")
    except TokenError as error:
        raise StatementError(
            "the SQL ends inside of a text ('...'), a quoted name (\"...\") or a comment (/* ... */) that is not closed"
        ) from error
    found: list[Statement] = []
    first: Token | None = None
    last: Token | None = None
    for token in tokens:
        if token.token_type != TokenType.SEMICOLON:
            first, last = first or token, token
            continue
        if first is not None and last is not None:
            found.append(_between(text, first, last))
        first = last = None
    if first is not None and last is not None:
        found.append(_between(text, first, last))
    return found


def _between(text: str, first: Token, last: Token) -> Statement:
    return Statement(text[first.start : last.end + 1], text.count("\n", 0, first.start) + 1)
