"""Spark SQL made from a contract or a setting: the type of a field, and constants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lakehouse.contract.keywords import json_type

SCALARS = {"string": "string", "integer": "bigint", "number": "double", "boolean": "boolean"}


def spark_type(schema: Mapping[str, Any]) -> str:
    """The Spark type of a field: DDL text. An object without declared properties is a map of texts."""
    kind = json_type(schema)
    if kind == "array":
        return f"array<{spark_type(schema['items'])}>"
    if kind == "object":
        properties = schema.get("properties")
        if not properties:
            return "map<string, string>"
        return "struct<" + ", ".join(f"{name}: {spark_type(each)}" for name, each in properties.items()) + ">"
    return "timestamp" if schema.get("format") == "date-time" else SCALARS[kind]


def literal(value: object) -> str:
    """A constant of a contract or a setting as SQL. For texts of people use `functions.lit`, which passes a value.

    With the settings of jobs/runtime/session.py Spark reads the text as it was written. Only `${` is escaped: Spark
    replaces variables before it parses a statement, inside quotes too.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value}L"
    if isinstance(value, float):
        return f"double('{value!r}')"
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'").replace("${", "$\\u007B")
    return f"'{escaped}'"
