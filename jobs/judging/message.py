"""Finds the event_id of a Kafka value in Spark SQL, for raw. All other code uses the evaluator in Python.

Spark's JSON parsers recurse: at some 900 levels their stack overflows, and the query fails, however often it is tried.
So no parser gets a message nested deeper than MAX_DEPTH: it counts as no JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from uuid import uuid4

from lakehouse.contract.nesting import MAX_DEPTH

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

UUID_PATTERN = r"\p{XDigit}{8}(-\p{XDigit}{4}){3}-\p{XDigit}{12}"  # the ASCII digits; quicker than [0-9a-fA-F]

TEXT = "cast(value as string)"  # SQL: a message as text
# JSON's escapes can write a lone surrogate, which Spark's parser would turn into a question mark. It is replaced by a
# noncharacter, as in lakehouse/contract/decode.py. Escaped backslashes are rewritten first: then every backslash before
# a u begins an escape.
_HALF = (
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_CLEAN_TEXT = (
    rf"case when instr(lower({TEXT}), r'\ud') = 0 then {TEXT} "
    rf"else regexp_replace(replace({TEXT}, r'\\', r'\u005c'), r'{_HALF}', r'\\ufdd0') end"
)


# Everything but brackets, and whole strings. A string without an end goes on to the end of the text, as for every
# parser. Nothing can be matched in two ways (`++`, `*+`), so that Java matches in a loop and does not recurse.
_NO_BRACKETS = r"""(?s)"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\z)|[^\[\]{}"]++"""

_END = f"end{uuid4().hex}"
_FIELDS = "map<string, variant>"


def too_deep(text: str = TEXT) -> str:
    """SQL: whether a text, be it JSON or not, is nested deeper than MAX_DEPTH.

    A text with few brackets is not; that is seen without a copy. In all others the brackets outside of strings are
    counted. No parser goes beyond the place where a text stops being JSON, so counting on after it does no harm.
    """
    few = MAX_DEPTH // 2
    many = [f"octet_length(substring_index({text}, '{each}', {few + 1})) < octet_length({text})" for each in "{["]
    brackets = f"split(regexp_replace({text}, r'{_NO_BRACKETS}', ''), '')"
    level = "case when c in ('{', '[') then so_far.level + 1 when c in ('}', ']') then so_far.level - 1 else so_far.level end"
    step = f"named_struct('level', {level}, 'deepest', greatest(so_far.deepest, so_far.level))"
    start, end = "named_struct('level', 0, 'deepest', 0)", "greatest(so_far.deepest, so_far.level)"
    deepest = f"aggregate({brackets}, {start}, (so_far, c) -> {step}, so_far -> {end})"
    return f"(({' or '.join(many)}) and {deepest} > {MAX_DEPTH})"


def with_json(frame: DataFrame, readable: str = "true") -> DataFrame:
    """Adds `json`: the column `value` (bytes) as a variant; null if it is `too_deep` or not one JSON text in UTF-8.

    Also adds `fields`: the variants of an object by name, else null. Rows that do not meet the condition `readable` are
    not parsed and get null.

    Spark's parser stops at the end of the first JSON value and silently drops what follows. So the value is wrapped as
    one of two keys. Any text after the value then makes the whole unreadable, hides the other key, or adds a third, and
    the value is refused. The other key is random in each process, so that no text can contain it.
    """
    wrapped = (
        f"case when {readable} and is_valid_utf8({TEXT}) and not {too_deep()} "
        f"""then try_parse_json(concat('{{"e":', {_CLEAN_TEXT}, ',"{_END}":1}}')) end"""
    )
    return (  # the frame's columns are not asked for, since Spark would have to analyze the plan
        frame.selectExpr("*", f"try_variant_get({wrapped}, '$', '{_FIELDS}') as wrapped")
        .selectExpr(
            "*", f"case when size(wrapped) = 2 and map_contains_key(wrapped, '{_END}') then wrapped['e'] end as json"
        )
        .selectExpr("*", f"try_variant_get(json, '$', '{_FIELDS}') as fields")
        .drop("wrapped")
    )


def text(name: str) -> str:
    """SQL: the string at `name` of `fields`, null if absent or of another type."""
    return f"case when {json_type(name)} = 'STRING' then {typed(name, 'string')} end"


def uuid(name: str) -> str:
    """SQL: the UUID at `name` of `fields`, lower-case; null if there is none."""
    return as_uuid(text(name))


def as_uuid(found: str) -> str:
    """SQL: the text `found`, lower-case, if it is a UUID; else null."""
    return rf"case when {found} rlike r'\A{UUID_PATTERN}\z' then lower({found}) end"


def json_type(name: str) -> str:
    """SQL: Spark's name for the type of the value at `name` of `fields`; null if absent, VOID for a JSON null."""
    return f"schema_of_variant({field(name)})"


def typed(name: str, spark_type: str) -> str:
    """SQL: the value at `name` of `fields` in that type; null if absent or not to be cast."""
    return f"try_variant_get({field(name)}, '$', '{spark_type}')"


def field(name: str) -> str:
    """SQL: the variant at `name` of `fields`; null if absent."""
    return f"try_element_at(fields, '{name}')"


def by_key(column: str, values: Mapping[str, str]) -> str:
    """SQL: the value (SQL, constant) of the key that stands in the column.

    For numbers that differ in each run: a constant would be part of the compiled code, which then would differ too.
    """
    pairs = [f"'{key}', {value}" for key, value in values.items()]
    return f"map({', '.join(pairs)})[{column}]"


def quoted(names: Iterable[str]) -> list[str]:
    """Column names as SQL."""
    return [f"`{name}`" for name in names]
