"""What becomes of an event's HTTP headers on the way into the tables: keep, drop, hash or set, as configured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lakehouse.catalog.spark_sql import literal

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# headers that have a column of their own; all others are in the map http_headers
COLUMNS = {"Host": "host", "User-Agent": "user_agent", "Accept": "accept"}


def apply_rules(frame: DataFrame, rules: Mapping[str, str]) -> DataFrame:
    """Applies `rules` (header name as in Cache-Control -> keep, drop, hash or `set VALUE`) to the envelope's headers.

    A header without a rule is kept. `hash` keeps equal values equal (SHA-256). `set` also adds a header that was not
    sent. The raw table and raw_event keep what was sent.

    Raises:
        ValueError: a rule is none of the four.
    """
    from pyspark.sql import functions as F

    columns: dict[str, str] = {}
    headers = "http_headers"
    for name, rule in rules.items():
        column = COLUMNS.get(name)
        if column:
            columns[column] = _new_value(name, rule, f"`{column}`")
        elif rule.startswith("set "):
            others = (
                f"coalesce(map_filter({headers}, (k, v) -> k <> {literal(name)}), cast(map() as map<string, string>))"
            )
            headers = f"map_concat({others}, map({literal(name)}, {_new_value(name, rule, 'v')}))"
        elif rule == "drop":
            headers = f"map_filter({headers}, (k, v) -> k <> {literal(name)})"
        else:
            new = _new_value(name, rule, "v")
            headers = f"transform_values({headers}, (k, v) -> case when k = {literal(name)} then {new} else v end)"
    if headers != "http_headers":
        columns["http_headers"] = headers
    return frame.withColumns({name: F.expr(sql) for name, sql in columns.items()}) if columns else frame


def _new_value(name: str, rule: str, value: str) -> str:
    if rule == "keep":
        return value
    if rule == "drop":
        return "cast(null as string)"
    if rule == "hash":
        return f"sha2({value}, 256)"
    if rule.startswith("set "):
        return literal(rule.removeprefix("set "))
    raise ValueError(f"header rule {name!r}: {rule!r} is not keep, drop, hash or set VALUE")
