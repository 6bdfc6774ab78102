"""The checks of a contract as one ordered list, and the function that says whether a value breaks one."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from lakehouse.contract import patterns
from lakehouse.contract.decode import is_text

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
EACH = "[]"  # the step of a path that stands for every element of an array
VALUE_KEYWORDS = ("enum", "const", "minimum", "maximum", "minLength", "maxLength", "pattern", "format")

Schema = Mapping[str, Any]
Breaks = Callable[[Any], bool]


@dataclass(frozen=True)
class Check:
    """One keyword on one field.

    `path`: property names and EACH. `argument`: the keyword's value in the schema; for `type` the JSON type name, for
    `required` True. `schema`: of the field.
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

    Each may rely on those before it: if `type` of `items` holds, the checks after it see an array. A check of an
    array's elements is broken if any element breaks it. An absent field breaks only `required`. An allowed null breaks
    nothing.
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


def breaks(check: Check) -> Breaks:
    """A function that says whether a value of the right type, which is not null, breaks a keyword of VALUE_KEYWORDS."""
    argument = check.argument
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
            matches = patterns.matcher(argument)
            return lambda value: not matches(value)
        case "format":
            return _is_no_date_time if argument == "date-time" else _is_no_uuid
    raise ValueError(f"{check.keyword} is no keyword that is checked; see VALUE_KEYWORDS")


def _is_integer(value: Any) -> bool:
    """Whether it is a whole number of 64 bits, also if written as 1.0 or 1e3."""
    if type(value) is float:
        return value.is_integer() and INT64_MIN <= value < 2.0**63
    return type(value) in (int, Decimal) and INT64_MIN <= int(value) <= INT64_MAX


def _is_number(value: Any) -> bool:
    """Whether it is a number that a finite double holds."""
    if type(value) is int:
        try:
            return math.isfinite(float(value))
        except OverflowError:
            return False
    return type(value) in (float, Decimal) and math.isfinite(value)


# Whether a value is of a JSON type. Null is of none.
IS_OF_TYPE: Mapping[str, Callable[[Any], bool]] = {
    "string": is_text,
    "integer": _is_integer,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
# Converts to the type of the table's column. Both sides of a comparison are converted, so that 1.0 equals 1.
_AS_DECLARED: Mapping[str, Callable[[Any], Any]] = {"integer": int, "number": float}

_DATE_TIME = re.compile(patterns.inner(patterns.DATE_TIME))
_UUID = re.compile(patterns.inner(patterns.UUID))


def instant(value: str) -> datetime | None:
    """A time in UTC, to the microsecond. Further digits are cut off.

    None if the text is not of RFC 3339's form, names a day that its month does not have, or is in UTC outside of the
    years 1 to 9999, which all readers support.
    """
    if _DATE_TIME.fullmatch(value) is None:
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_no_date_time(value: str) -> bool:
    return instant(value) is None


def _is_no_uuid(value: str) -> bool:
    return _UUID.fullmatch(value) is None
