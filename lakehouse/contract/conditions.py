"""The conditions of a contract, which are Spark SQL over its own fields: finds the fields in them.

sqlglot parses them. So a field may be called like a keyword of SQL (`date`, `end`), and texts, functions, members of
structs and variables of lambdas are never taken for a field.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError


class ConditionError(ValueError):
    """A condition that cannot be parsed; the message says where."""


def rename_fields(condition: str, fields: Collection[str], column: Callable[[str], str]) -> str:
    """The condition with each field replaced by `column(field)`, which is SQL. All else stays as it is.

    Raises:
        ConditionError: it is no SQL expression.
    """
    known = {name.lower(): name for name in fields}  # Spark does not tell names apart by their case
    renamed = condition
    for start, end, name in sorted(_columns(condition), reverse=True):
        if name.lower() in known:
            renamed = f"{renamed[:start]}{column(known[name.lower()])}{renamed[end:]}"
    return renamed


def _columns(condition: str) -> Iterator[tuple[int, int, str]]:
    """Where each column is named, [start, end) in the text, and its name. Of `items.quantity` the column is `items`."""
    try:
        expression = sqlglot.parse_one(condition, dialect="spark")
    except SqlglotError as error:
        (first, *_) = getattr(error, "errors", None) or [{}]
        place = f" at line {first['line']}, column {first['col']}" if first.get("line") else ""
        raise ConditionError(f"{condition!r} cannot be read{place}: {first.get('description') or error}") from None
    for found in expression.find_all(exp.Column):
        name = found.parts[0]
        yield name.meta["start"], name.meta["end"] + 1, name.name
