"""A contract's checks and types as Spark SQL text, made from the same list of checks that the API runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from jobs.judging import message
from lakehouse.catalog.spark_sql import SCALARS, literal, spark_type
from lakehouse.contract import patterns
from lakehouse.contract.keywords import EACH, Check, json_type, nullable

if TYPE_CHECKING:
    from lakehouse.contract.model import Contract, Field

LOOKED = "looked"  # the column, a struct, of what `looked_at` gives of all fields
_YEARS = (
    "timestamp '0001-01-01T00:00:00Z' and timestamp '9999-12-31T23:59:59.999999Z'"  # of times that all readers bear
)


def wide_name(event_type: str, field: str) -> str:
    """The column that holds one event type's field in a frame of all types."""
    return f"{event_type}__{field}"


def looked_at(field: Field, column: str) -> dict[str, str]:
    """SQL by name in LOOKED: what the checks and the table ask of a field again and again, each asked once of the variant.

    `column`~type is Spark's name for its type (`message.json_type`), `column`~value a scalar's value.
    """
    asked = {f"{column}~type": message.json_type(field.name)}
    scalar = SCALARS.get(json_type(field.schema))
    return asked | ({f"{column}~value": message.typed(field.name, scalar)} if scalar else {})


def value_of(field: Field, column: str | None = None) -> str:
    """SQL: the field's value in the table, its default if the event has none; null where it cannot be cast, as a time that not
    all readers bear.

    Of a frame with LOOKED if `column`, what the field is called there, is given, else of one with `fields`.
    """
    kind = spark_type(field.schema)
    if column and kind in SCALARS.values():
        return or_default(field, f"{LOOKED}.`{column}~value`")
    value = message.typed(field.name, kind)
    return or_default(field, f"case when {value} between {_YEARS} then {value} end" if kind == "timestamp" else value)


def or_default(field: Field, value: str) -> str:
    """SQL: the value, or the field's default where it is null."""
    if field.default is None:
        return value
    return f"coalesce({value}, cast({literal(field.default)} as {spark_type(field.schema)}))"


def first_broken(checks: Sequence[Check], column: Callable[[str], str]) -> str:
    """SQL: `<field>:<keyword>` of the first of the checks that an event breaks; null if it keeps all.

    `column`: what a field is called in LOOKED.
    """
    if not checks:
        return "cast(null as string)"
    cases = " ".join(f"when {_broken(check, column)} then '{check.field}:{check.keyword}'" for check in checks)
    return f"case {cases} end"


def first_broken_rule(contract: Contract) -> str:
    """SQL: `<rule>` of the first x-rule that is false, over the columns of `wide_name`; null if none is."""
    cases = " ".join(
        f"when not coalesce({wide_condition(contract, rule.condition)}, true) then '{rule.name}'"
        for rule in contract.rules
    )
    return f"case {cases} end" if cases else "cast(null as string)"


def wide_condition(contract: Contract, condition: str) -> str:
    """A rule's condition with the contract's field names replaced by those of the frame of all types."""
    fields = {field.name for field in contract.fields}

    def replace(match: re.Match[str]) -> str:
        word = match.group("word")
        return f"`{wide_name(contract.event_type, word)}`" if word in fields else match.group(0)

    # texts in quotes, fields of structs (behind a dot) and functions (before a bracket) stay as they are
    return re.sub(r"'(?:[^'\\]|\\.|'')*'|\.\s*\w+|(?P<word>\b[a-zA-Z_]\w*\b)(?!\s*\()", replace, condition)


def full_match(pattern: str) -> str:
    """A contract's pattern (`^...$`) for Java, which searches: the whole text must match, line ends included."""
    return rf"\A(?:{patterns.inner(pattern)})\z"


def _broken(check: Check, column: Callable[[str], str]) -> str:
    top, *path = check.path
    if not path:
        seen = column(top)
        typed = f"{LOOKED}.`{seen}~value`" if json_type(check.schema) in SCALARS else None
        return f"coalesce({_value_breaks(check, message.field(top), f'{LOOKED}.`{seen}~type`', typed)}, false)"
    if check.keyword == "required":
        *parents, name = path
        lacks = lambda parent: f"(schema_of_variant({parent}) like 'OBJECT<%' and {_get(parent, name)} is null)"  # noqa: E731
        return f"coalesce({somewhere(message.field(top), parents, lacks, _elements, _get)}, false)"
    breaks = lambda value: _value_breaks(check, value)  # noqa: E731
    return f"coalesce({somewhere(message.field(top), path, breaks, _elements, _get)}, false)"


def somewhere(
    value: str,
    path: Sequence[str],
    breaks: Callable[[str], str],
    elements: Callable[[str], str],
    member: Callable[[str, str], str],
    depth: int = 0,
) -> str:
    """SQL: whether what stands at the path of a value breaks; any element of an array on the way is enough.

    `elements` gives the SQL array of a value that is one, `member` what stands in it by that name.
    """
    if not path:
        return breaks(value)
    if path[0] == EACH:
        element = f"x{depth}"
        inner = somewhere(element, path[1:], breaks, elements, member, depth + 1)
        return f"exists({elements(value)}, {element} -> coalesce({inner}, false))"
    return somewhere(member(value, path[0]), path[1:], breaks, elements, member, depth)


def _value_breaks(check: Check, value: str, found: str | None = None, typed: str | None = None) -> str:
    """SQL: whether a variant breaks; `found`: its type's name, and `typed`: its value, where LOOKED has them."""
    kind = json_type(check.schema)
    found = found or f"schema_of_variant({value})"
    if typed is None and kind in SCALARS:
        typed = f"try_variant_get({value}, '$', '{SCALARS[kind]}')"
    if check.keyword == "required":
        return f"{found} is null"
    if check.keyword == "type":
        allowed_null = f" and {found} <> 'VOID'" if nullable(check.schema) else ""
        return f"({found} is not null{allowed_null} and not coalesce({_is_type(kind, value, found, typed)}, false))"
    if typed is None:
        raise ValueError(f"{check.field}: {check.keyword} cannot be checked of an {kind}")
    return f"({found} <> 'VOID' and not coalesce({keeps(check, typed)}, false))"


def _is_type(kind: str, value: str, found: str, typed: str | None) -> str:
    number = f"({found} in ('BIGINT', 'DOUBLE', 'FLOAT') or {found} like 'DECIMAL(%')"
    as_double = f"try_variant_get({value}, '$', 'double')"
    if kind == "integer":
        whole = f"{as_double} = floor({as_double}) and try_variant_get({value}, '$', 'bigint') is not null"
        return f"({found} = 'BIGINT' or ({number} and {whole}))"
    if kind == "number":
        return f"({number} and not isnan({as_double}) and abs({as_double}) < double('infinity'))"
    if kind in ("object", "array"):
        return f"{found} like '{kind.upper()}<%'"
    if kind == "string":
        return f"({found} = 'STRING' and instr({typed}, '{message.HALF_CHARACTER}') = 0)"
    return f"{found} = '{kind.upper()}'"


def keeps(check: Check, typed: str) -> str:
    """SQL: whether a value, typed as its schema says (a time as text), keeps a keyword other than type and required."""
    argument = check.argument
    match check.keyword:
        case "enum":
            return f"{typed} in ({', '.join(literal(each) for each in argument if each is not None)})"
        case "const":
            return f"{typed} = {literal(argument)}"
        case "minimum":
            return f"{typed} >= {literal(argument)}"
        case "maximum":
            return f"{typed} <= {literal(argument)}"
        case "minLength":
            return f"char_length({typed}) >= {int(argument)}"
        case "maxLength":
            return f"char_length({typed}) <= {int(argument)}"
        case "pattern":
            return f"{typed} rlike {literal(full_match(argument))}"
        case "format" if argument == "date-time":
            pattern = literal(full_match(patterns.DATE_TIME))
            return f"({typed} rlike {pattern} and {_is_time_for_all_readers(typed)})"
        case "format":
            return f"{typed} rlike {literal(full_match(patterns.UUID))}"
    raise ValueError(f"{check.keyword} is not known here; lakehouse.contract.keywords checks it, so Spark must, too")


def _is_time_for_all_readers(typed: str) -> str:
    """SQL: whether a text of a time's form is of a day that the month has, and in UTC in the years 1 to 9999.

    Only on two days can the zone move it out of them.
    """
    day = f"substr({typed}, 1, 10)"
    inside = f"coalesce(try_cast({typed} as timestamp) between {_YEARS}, false)"
    return f"try_cast({day} as date) is not null and ({day} not in ('0001-01-01', '9999-12-31') or {inside})"


def _elements(variant: str) -> str:
    return f"try_variant_get({variant}, '$', 'array<variant>')"


def _get(variant: str, name: str) -> str:
    return f"try_variant_get({variant}, '$.{name}', 'variant')"
