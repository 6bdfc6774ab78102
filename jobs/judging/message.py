"""A Kafka value as JSON in Spark SQL, as far as raw needs it: which event_id it names. Nobody else uses such a reader.

Spark's readers go down with what they read, and at some 900 levels their stack ends, and the query with it, however often it
is tried. So a message that is nested deeper than MAX_DEPTH is handed to none of them: for each it is no JSON.
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
# JSON's escapes can say half of a surrogate pair, which is no character; Spark's parser would make a question mark of it.
# It is replaced by a noncharacter, as in lakehouse/contract/decode.py. Escaped backslashes are written otherwise first: then
# every backslash before a u begins an escape.
_HALF = (
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_CLEAN_TEXT = (
    rf"case when instr(lower({TEXT}), r'\ud') = 0 then {TEXT} "
    rf"else regexp_replace(replace({TEXT}, r'\\', r'\u005c'), r'{_HALF}', r'\\ufdd0') end"
)


# All that is no bracket, and strings with all that is in them; one that does not end goes on to the end, as for every
# reader. Nothing in it can be matched in two ways (`++`, `*+`): then Java goes through it in a loop, not down its stack.
_NO_BRACKETS = r"""(?s)"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\z)|[^\[\]{}"]++"""

_END = f"end{uuid4().hex}"
_FIELDS = "map<string, variant>"


def too_deep(text: str = TEXT) -> str:
    """SQL: whether a text, be it JSON or not, is nested deeper than MAX_DEPTH, as far as a reader of JSON comes in it.

    A text of few brackets is not; to see that takes no copy of it. Of any other the brackets outside of strings are counted,
    one by one. Behind the place where a text is no JSON any more no reader goes, so what is counted there does no harm.
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
    """Adds `json`: the column `value` (bytes) as a variant; null if it is `too_deep`, or not one JSON text in valid UTF-8.

    And `fields`: of an object its variants by name, else null. A variant compares each name that it passes as a text made
    anew; with a look into it for every check of every field, judging took twice as long.
    Spark's parser stops at the end of the first JSON value, so anything behind it would be dropped without a word.
    Wrapped as one of two keys, a tail makes the whole unreadable, hides the other key or adds a third: it is refused.
    The other key is another one in each process, so that no tail can bring it along.
    Rows that do not meet the condition `readable` are not looked at and get null.
    """
    wrapped = (
        f"case when {readable} and is_valid_utf8({TEXT}) and not {too_deep()} "
        f"""then try_parse_json(concat('{{"e":', {_CLEAN_TEXT}, ',"{_END}":1}}')) end"""
    )
    return (  # without a look at the frame's columns, which would make Spark analyze it for nothing else
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

    For numbers that are others in each run: as a constant one would be part of the compiled code, and each run's another.
    """
    pairs = [f"'{key}', {value}" for key, value in values.items()]
    return f"map({', '.join(pairs)})[{column}]"


def quoted(names: Iterable[str]) -> list[str]:
    """Column names as SQL."""
    return [f"`{name}`" for name in names]
