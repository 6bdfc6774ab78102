"""What a contract demands of an event, as one ordered list of checks, and the first of them that an event breaks."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lakehouse.contract import patterns

if TYPE_CHECKING:
    from lakehouse.contract.model import Contract

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
EACH = "[]"  # the step of a path that stands for every element of an array
VALUE_KEYWORDS = ("enum", "const", "minimum", "maximum", "minLength", "maxLength", "pattern", "format")

# Half a surrogate pair is no character; U+FDD0 is none either, and stands for such a half where Spark reads the event.
_NO_CHARACTER = re.compile("[\ud800-\udfff\ufdd0]")

Schema = Mapping[str, Any]
Broken = Callable[[Any], bool]
Compiled = tuple[tuple[str, str, Broken], ...]  # field, keyword, and whether an event breaks it


@dataclass(frozen=True)
class Check:
    """One keyword on one field.

    `path` holds property names and EACH; `argument` is what the schema says for the keyword (for `type` the JSON type
    name, for `required` True); `schema` is that of the field.
    """

    path: tuple[str, ...]
    keyword: str
    argument: Any
    schema: Schema

    @property
    def field(self) -> str:
        """The path as reason codes write it: `items.quantity` for the quantity of any element of items."""
        return ".".join(step for step in self.path if step != EACH)


def json_type(schema: Schema) -> str:
    """The JSON type name of a field without null."""
    declared = schema["type"]
    return str(declared) if isinstance(declared, str) else next(str(name) for name in declared if name != "null")


def nullable(schema: Schema) -> bool:
    """Whether an explicit null is a value of the field."""
    return not isinstance(schema["type"], str) and "null" in schema["type"]


def checks(properties: Mapping[str, Schema], required: Sequence[str], parent: tuple[str, ...] = ()) -> list[Check]:
    """All checks of these fields, in the order in which the first broken one is reported.

    Each may rely on those before it: where `type` of `items` held, the checks behind it see an array. A check of an
    array's elements is broken if any element breaks it. An absent field breaks `required` only, a null allowed none.
    """
    found: list[Check] = []
    for name, schema in properties.items():
        path = (*parent, name)
        if name in required:
            found.append(Check(path, "required", True, schema))
        found += _value_checks(path, schema)
    return found


def _value_checks(path: tuple[str, ...], schema: Schema) -> list[Check]:
    found = [Check(path, "type", json_type(schema), schema)]
    found += [Check(path, keyword, schema[keyword], schema) for keyword in VALUE_KEYWORDS if keyword in schema]
    if "items" in schema:
        found += _value_checks((*path, EACH), schema["items"])
    if "properties" in schema:
        found += checks(schema["properties"], schema.get("required", ()), path)
    return found


def violation(contract: Contract, event: Mapping[str, Any]) -> tuple[str, str] | None:
    """The first check of the contract that the event breaks, as (field, keyword); None if it keeps them all.

    `event` is a JSON object as Python's json module reads it, own fields and any others together; others are ignored.
    """
    return first_broken(compiled_contract(contract), event)


def field_violation(
    properties: Mapping[str, Schema], required: Sequence[str], event: Mapping[str, Any]
) -> tuple[str, str] | None:
    """The same for fields that are no contract's: the envelope's, or a default that a contract gives."""
    return first_broken(compiled(checks(properties, required)), event)


def compiled(these: Sequence[Check]) -> Compiled:
    """The checks as functions of an event, with the field and the keyword that each reports."""
    return tuple((check.field, check.keyword, _broken(check)) for check in these)


def first_broken(these: Compiled, event: Mapping[str, Any]) -> tuple[str, str] | None:
    """The field and keyword of the first of these checks that the event breaks."""
    for field, keyword, broken in these:
        if broken(event):
            return field, keyword
    return None


@lru_cache(maxsize=256)
def compiled_contract(contract: Contract) -> Compiled:
    """All checks of a contract, compiled."""
    return compiled(checks(contract.schema["properties"], contract.schema.get("required", ())))


def _broken(check: Check) -> Broken:
    if check.keyword == "required":
        parents, name = check.path[:-1], check.path[-1]
        if not parents:
            return lambda event: name not in event
        return lambda event: any(name not in parent for parent in _values(event, parents))
    wrong = _wrong(check)
    if check.keyword == "type" and nullable(check.schema):
        is_wrong = wrong
        wrong = lambda value: value is not None and is_wrong(value)  # noqa: E731
    if len(check.path) > 1:
        return lambda event: any(wrong(value) for value in _values(event, check.path, check.keyword == "type"))
    name = check.path[0]
    if check.keyword == "type":
        return lambda event: name in event and wrong(event[name])
    return lambda event: event.get(name) is not None and wrong(event[name])


def _values(value: Any, path: tuple[str, ...], with_null: bool = False) -> Iterator[Any]:
    """What stands at the path, once for each element of the arrays on the way; nothing where the way ends early."""
    if not path:
        if with_null or value is not None:
            yield value
    elif value is None:
        return
    elif path[0] == EACH:
        for element in value:
            yield from _values(element, path[1:], with_null)
    elif path[0] in value:
        yield from _values(value[path[0]], path[1:], with_null)


def _wrong(check: Check) -> Broken:
    """A function that says whether a value (of the right type, unless it checks the type) breaks the keyword."""
    argument = check.argument
    if check.keyword == "type":
        is_type = _TYPES[argument]
        return lambda value: not is_type(value)
    as_declared: Callable[[Any], Any] = _AS_DECLARED.get(json_type(check.schema), lambda value: value)
    match check.keyword:
        case "enum":
            allowed = frozenset(as_declared(each) for each in argument if each is not None)
            return lambda value: as_declared(value) not in allowed
        case "const":
            only = as_declared(argument)
            return lambda value: as_declared(value) != only
        case "minimum":
            low = as_declared(argument)
            return lambda value: as_declared(value) < low
        case "maximum":
            high = as_declared(argument)
            return lambda value: as_declared(value) > high
        case "minLength":
            return lambda value: len(value) < argument
        case "maxLength":
            return lambda value: len(value) > argument
        case "pattern":
            expression = re.compile(patterns.inner(argument))
            return lambda value: expression.fullmatch(value) is None
        case "format":
            return _is_no_date_time if argument == "date-time" else _is_no_uuid
    raise ValueError(f"{check.keyword} is no keyword that is checked; see VALUE_KEYWORDS")


def is_text(value: Any) -> bool:
    """A string of Unicode characters; half a surrogate pair, as JSON's \\ud800 gives, is none."""
    return isinstance(value, str) and (value.isascii() or _NO_CHARACTER.search(value) is None)


def _is_integer(value: Any) -> bool:
    """A whole number of 64 bits, also if written 1.0 or 1e3."""
    if type(value) is float:
        return value.is_integer() and INT64_MIN <= value < 2.0**63
    return type(value) is int and INT64_MIN <= value <= INT64_MAX


def _is_number(value: Any) -> bool:
    """A number that is a finite double."""
    if type(value) is int:
        try:
            return math.isfinite(float(value))
        except OverflowError:
            return False
    return type(value) is float and math.isfinite(value)


_TYPES: Mapping[str, Broken] = {
    "string": is_text,
    "integer": _is_integer,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
# What the table's column holds: both sides of a comparison are of the declared type, so that 1.0 equals 1.
_AS_DECLARED: Mapping[str, Callable[[Any], Any]] = {"integer": int, "number": float}

_DATE_TIME = re.compile(patterns.inner(patterns.DATE_TIME))
_UUID = re.compile(patterns.inner(patterns.UUID))


def _is_no_date_time(value: str) -> bool:
    """Not of RFC 3339's form, of a day that its month has not, or in UTC not in the years 1 to 9999, which all readers bear."""
    if _DATE_TIME.fullmatch(value) is None:
        return True
    try:
        datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return True
    return False


def _is_no_uuid(value: str) -> bool:
    return _UUID.fullmatch(value) is None
