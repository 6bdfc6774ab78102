"""A Kafka value as JSON: which bytes are one JSON text, and which are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

UUID_PATTERN = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

_TEXT = "cast(value as string)"
# Half of a surrogate pair is no character. What is left of the escapes after whole pairs and escaped backslashes are
# taken out is a half.
_LONE_SURROGATE = (
    rf"(instr(lower({_TEXT}), r'\ud') > 0 and "
    rf"regexp_replace({_TEXT}, r'\\\\|(?i)\\ud[89ab][0-9a-f]{{2}}\\ud[c-f][0-9a-f]{{2}}', '') rlike r'(?i)\\ud[89a-f]')"
)


def with_json(frame: DataFrame, readable: str = "true") -> DataFrame:
    """Adds `json`: the column `value` (bytes) as a variant; null if it is not one valid JSON text in valid UTF-8.

    Spark's parser stops at the end of the first JSON value, so anything behind it would be dropped without a word.
    Wrapped together with a last key, a tail makes the whole unreadable or hides that key, and the value is refused.
    Rows that do not meet the condition `readable` are not looked at and get null.
    """
    wrapped = (
        f"case when {readable} and is_valid_utf8({_TEXT}) and not {_LONE_SURROGATE} "
        f"""then try_parse_json(concat('{{"e":', {_TEXT}, ',"end":1}}')) end as wrapped"""
    )
    kept = frame.columns
    return frame.selectExpr(*_quoted(kept), wrapped).selectExpr(
        *_quoted(kept),
        "case when try_variant_get(wrapped, '$.end', 'int') = 1 then variant_get(wrapped, '$.e', 'variant') end as json",
    )


def text(name: str) -> str:
    """SQL: the string at `name` of `json`, null if absent or of another type."""
    return f"case when {json_type(name)} = 'STRING' then try_variant_get(json, '$.{name}', 'string') end"


def json_type(name: str) -> str:
    """SQL: Spark's name for the type of the value at `name` of `json`; null if absent, VOID for a JSON null."""
    return f"schema_of_variant(try_variant_get(json, '$.{name}', 'variant'))"


def _quoted(names: list[str]) -> list[str]:
    return [f"`{name}`" for name in names]
