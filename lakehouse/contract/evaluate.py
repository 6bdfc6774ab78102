"""Reads a JSON object by a schema: its fields in the types of the table, and every check that it breaks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from lakehouse.contract.decode import whole_text
from lakehouse.contract.keywords import (
    EACH,
    IS_OF_TYPE,
    VALUE_KEYWORDS,
    Breaks,
    Check,
    Schema,
    breaks,
    checks,
    instant,
    json_type,
    nullable,
)

if TYPE_CHECKING:
    from lakehouse.contract.model import Contract

# Returns a value in its column's type, or None. Adds the numbers of the checks that it breaks to the list.
_Reader = Callable[[Any, list[int]], Any]
_Path = tuple[str, ...]


class Fault(NamedTuple):
    """A check that an event breaks: the field, as `Check.field` writes it, and the keyword."""

    field: str
    keyword: str


class Fields:
    """The fields of a schema, compiled once and used for many events.

    A check is broken if any element of an array on its path breaks it. A check that relies on another one, as a minimum
    relies on the type, is skipped where that one is broken.
    """

    def __init__(self, properties: Mapping[str, Schema], required: Sequence[str]) -> None:
        wanted = checks(properties, required)
        self._faults = [Fault(check.field, check.keyword) for check in wanted]
        numbers = _Numbers(wanted)
        self._readers = [
            (name, numbers.required((name,)), _default(schema), _reader((name,), schema, numbers))
            for name, schema in properties.items()
        ]

    def read(self, event: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
        """The fields by name, and the faults in the order in which the checks are listed.

        An absent field or a null has the default. A value of another type, or a text that is no time, is None. A value
        that breaks another check is kept. Times are in UTC. A map of texts has the JSON of values that are no texts.
        """
        values: dict[str, Any] = {}
        broken: list[int] = []
        for name, required, default, read in self._readers:
            if name in event:
                given = event[name]
                value = read(given, broken)
                values[name] = default if given is None else value
            else:
                values[name] = default
                if required is not None:
                    broken.append(required)
        if not broken:
            return values, []
        return values, list(dict.fromkeys(self._faults[number] for number in sorted(broken)))

    def faults(self, event: Mapping[str, Any]) -> list[Fault]:
        """The faults alone."""
        return self.read(event)[1]


@lru_cache(maxsize=256)
def own_fields(contract: Contract) -> Fields:
    """The own fields of a contract, compiled."""
    return Fields(contract.schema["properties"], contract.schema.get("required", ()))


class _Numbers:
    """The number of each check: its place in the list of all."""

    def __init__(self, wanted: Sequence[Check]) -> None:
        self._numbers = {(check.path, check.keyword): number for number, check in enumerate(wanted)}
        self._checks = wanted

    def required(self, path: _Path) -> int | None:
        """The number of the check `required` of a field; None if the field is optional."""
        return self._numbers.get((path, "required"))

    def of(self, path: _Path, keyword: str) -> int:
        """The number of a check."""
        return self._numbers[path, keyword]

    def of_value(self, path: _Path) -> list[tuple[int, Breaks]]:
        """The checks of a value of the right type: number, and a function that says whether a value breaks it.

        The format of a time is checked where it is parsed.
        """
        found = [self._numbers[path, each] for each in VALUE_KEYWORDS if (path, each) in self._numbers]
        found = [number for number in found if self._checks[number].argument != "date-time"]
        return [(number, breaks(self._checks[number])) for number in found]


def _default(schema: Schema) -> Any:
    """The default value in its column's type."""
    default = schema.get("default")
    if default is None:
        return None
    if schema.get("format") == "date-time":
        return instant(default)
    convert = _CONVERTERS.get(json_type(schema))
    return convert(default) if convert else default


def _reader(path: _Path, schema: Schema, numbers: _Numbers) -> _Reader:
    type_number, null_allowed = numbers.of(path, "type"), nullable(schema)
    is_of_type = IS_OF_TYPE[json_type(schema)]
    inner = _inner(path, schema, numbers)

    def read(value: Any, broken: list[int]) -> Any:
        if is_of_type(value):
            return inner(value, broken)
        if value is not None or not null_allowed:
            broken.append(type_number)
        return None

    def read_text(value: Any, broken: list[int]) -> Any:
        if is_of_type(value):
            return value
        if value is not None or not null_allowed:
            broken.append(type_number)
        return None

    return read_text if inner is _as_it_is else read


def _inner(path: _Path, schema: Schema, numbers: _Numbers) -> _Reader:
    """A reader of values of the right type."""
    if "items" in schema:
        element = _reader((*path, EACH), schema["items"], numbers)
        return lambda value, broken: [element(each, broken) for each in value]
    if json_type(schema) == "object":
        return _struct(path, schema, numbers) if schema.get("properties") else lambda value, _: _texts(value)
    if schema.get("format") == "date-time":
        return _time(numbers.of_value(path), numbers.of(path, "format"))
    return _scalar(numbers.of_value(path), _CONVERTERS.get(json_type(schema)))


def _as_it_is(value: Any, broken: list[int]) -> Any:
    return value


def _scalar(keywords: Sequence[tuple[int, Breaks]], convert: Callable[[Any], Any] | None) -> _Reader:
    def read(value: Any, broken: list[int]) -> Any:
        for number, is_broken in keywords:
            if is_broken(value):
                broken.append(number)
        return convert(value) if convert else value

    return read if keywords or convert else _as_it_is


def _time(keywords: Sequence[tuple[int, Breaks]], format_number: int) -> _Reader:
    keep = _scalar(keywords, None)

    def read(value: Any, broken: list[int]) -> Any:
        time = instant(keep(value, broken))
        if time is None:
            broken.append(format_number)
        return time

    return read


def _struct(path: _Path, schema: Schema, numbers: _Numbers) -> _Reader:
    members = [
        (name, numbers.required((*path, name)), _reader((*path, name), each, numbers))
        for name, each in schema["properties"].items()
    ]

    def read(value: Any, broken: list[int]) -> Any:
        found: dict[str, Any] = {}
        for name, required, member in members:
            if name in value:
                found[name] = member(value[name], broken)
            else:
                found[name] = None
                if required is not None:
                    broken.append(required)
        return found

    return read


# Converts a value of the JSON type to the column's type. A negative zero becomes a zero.
_CONVERTERS: Mapping[str, Callable[[Any], Any]] = {"integer": int, "number": lambda value: float(value) + 0.0}


def _texts(value: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: each if type(each) is str and each.isascii() else as_text(each) for name, each in value.items()}


def as_text(value: Any) -> str | None:
    """A value of any type for a column of texts: a text as it is, null as None, all others as JSON."""
    if type(value) is str:
        return whole_text(value)
    return None if value is None else as_json(value)


def as_json(value: Any) -> str:
    """A value as JSON: without blanks, names in order, numbers in plain digits."""
    match value:
        case str():
            return json.dumps(whole_text(value), ensure_ascii=False)
        case dict():
            return "{" + ",".join(f"{as_json(name)}:{as_json(value[name])}" for name in sorted(value)) + "}"
        case list():
            return "[" + ",".join(map(as_json, value)) + "]"
        case float() | Decimal():
            return _plain(value)
        case _:
            return json.dumps(value)


def _plain(value: float | Decimal) -> str:
    if value in (float("inf"), float("-inf")):
        return json.dumps(value)
    digits = format(Decimal(repr(value)) if isinstance(value, float) else value, "f")
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return "0" if digits == "-0" else digits
