"""Reads contracts: the YAML files that define the event types; refuses what not every part could honor alike."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lakehouse import names
from lakehouse.contract import patterns
from lakehouse.contract.evaluate import Fields
from lakehouse.contract.keywords import INT64_MAX, INT64_MIN, json_type, nullable
from lakehouse.contract.model import (
    DIALECT,
    PROBE_TOPIC,
    TABLE_COLUMNS,
    Contract,
    ContractError,
    Contracts,
    Facts,
    Field,
    Rule,
    hash_of,
)
from lakehouse.ledger.vocabulary import NOT_PUBLISHED

ENVELOPE_FILE = Path(__file__).with_name("envelope.yaml")

_TYPES = ("string", "integer", "number", "boolean", "array", "object")
_FORMATS = ("date-time", "uuid")
_KEYWORDS_BY_TYPE: Mapping[str, tuple[str, ...]] = {
    "string": ("enum", "const", "minLength", "maxLength", "pattern", "format", "default"),
    "integer": ("enum", "const", "minimum", "maximum", "default"),
    "number": ("enum", "const", "minimum", "maximum", "default"),
    "boolean": ("const", "default"),
    "array": ("items",),
    "object": ("properties", "required"),
}
_PLAIN_KEYS = ("$schema", "title", "description", "type", "properties", "required")
_OWN_KEYS = ("x-topic", "x-table", "x-owner", "x-version", "x-personal", "x-rules", "x-facts")
_OPTIONAL_KEYS = ("required", "x-personal", "x-rules", "x-facts")
# No double underscore: <event_type>__<field> is the name of a column elsewhere.
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_TOPIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
_MOST_CHARACTERS = 64
_TAKEN_TABLES = frozenset(
    table.name for table in (names.DAILY_EVENT_COUNTS, names.DAILY_ITEM_SALES, names.PLAYER_ITEM_CHANGES)
) | {"player_inventory"}


def load_contracts(folder: Path, envelope_file: Path = ENVELOPE_FILE) -> Contracts:
    """Reads and checks every contract of the folder.

    Raises:
        ContractError: names file and place of the first thing that is wrong.
    """
    envelope_schema = _read(envelope_file)
    envelope = _envelope(envelope_file, envelope_schema)
    reserved = frozenset(field.name for field in envelope) | frozenset(TABLE_COLUMNS)
    contracts = [_contract(file, _read(file), reserved) for file in _files(folder)]
    _check_together(folder, contracts)
    return Contracts(contracts, envelope, envelope_schema)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ContractError(f"{folder}: is no folder; contracts are files <event_type>.yaml in one folder")
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    for file in files:
        if file.suffix != ".yaml" or not file.is_file():
            raise ContractError(f"{file}: would be ignored; a contract is a file named <event_type>.yaml")
    if not files:
        raise ContractError(f"{folder}: holds no contract; add <event_type>.yaml")
    return files


def _check_together(folder: Path, contracts: Sequence[Contract]) -> None:
    tables: dict[str, str] = {}
    metrics: dict[str, str] = {}
    for contract in contracts:
        file = folder / f"{contract.event_type}.yaml"
        if contract.table in tables:
            other = tables[contract.table]
            raise ContractError(
                f"{file}: x-table: {contract.table} is also the table of {other}; one table holds one type"
            )
        tables[contract.table] = contract.event_type
        # Kafka mixes up . and _ in the names of a topic's metrics and refuses the second of such a pair.
        alike = metrics.setdefault(contract.topic.replace(".", "_"), contract.topic)
        if alike != contract.topic:
            raise ContractError(
                f"{file}: x-topic: {contract.topic} and {alike} differ only in . and _; Kafka refuses that"
            )


# --- reading one file -------------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """YAML without the silent overwriting of keys that are written twice."""


def _unique_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise yaml.YAMLError(f"line {key_node.start_mark.line + 1}: the key {key!r} is no text; put it in quotes")
        if key in found:
            raise yaml.YAMLError(f"line {key_node.start_mark.line + 1}: the key {key!r} is written twice")
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)


def _read(file: Path) -> dict[str, Any]:
    try:
        document = yaml.load(file.read_text(encoding="utf-8"), _Loader)  # a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(f"{file}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise ContractError(f"{file}: is no usable YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise ContractError(f"{file}: is no mapping; see the contracts beside it for the form")
    return document


def _contract(file: Path, document: dict[str, Any], reserved: frozenset[str]) -> Contract:
    place = _Place(file)
    _check_keys(place, document, (*_PLAIN_KEYS, *_OWN_KEYS), _OPTIONAL_KEYS)
    event_type = place.at("title").name(document["title"])
    if event_type != file.stem:
        raise place.at("title").error(f"is {event_type!r}; it must be the file's name, {file.stem!r}")
    schema = {key: value for key, value in document.items() if not key.startswith("x-")}
    fields = _fields(place, schema)
    for field in fields:
        if field.name in reserved:
            raise place.at("properties", field.name).error("is a column of every event table; take another name")
    return Contract(
        event_type=event_type,
        version=place.at("x-version").integer(document["x-version"], 1, 2**31 - 1),
        description=place.at("description").text(document["description"]),
        owner=place.at("x-owner").text(document["x-owner"]),
        topic=_topic(place.at("x-topic"), document["x-topic"]),
        table=_table(place.at("x-table"), document["x-table"]),
        fields=fields,
        rules=_rules(place.at("x-rules"), document.get("x-rules", []), fields),
        personal=_subset(place.at("x-personal"), document.get("x-personal", []), [field.name for field in fields]),
        schema=schema,
        hash=hash_of(document),
        facts=_facts(place.at("x-facts"), document.get("x-facts", {})),
    )


def _envelope(file: Path, document: dict[str, Any]) -> tuple[Field, ...]:
    place = _Place(file)
    _check_keys(place, document, _PLAIN_KEYS, ("required",))
    return _fields(place, document, open_objects=True)


def _check_keys(place: _Place, document: Mapping[str, Any], allowed: Sequence[str], optional: Sequence[str]) -> None:
    for key in document:
        if key not in allowed:
            raise place.at(key).error(f"is not known; allowed are {', '.join(allowed)}")
    for key in allowed:
        if key not in document and key not in optional:
            raise place.error(f"{key} is missing")
    if document["$schema"] != DIALECT:
        raise place.at("$schema").error(f"must be {DIALECT}")
    place.at("description").text(document["description"])
    if document["type"] != "object":
        raise place.at("type").error("must be object: an event is one")


def _topic(place: _Place, value: Any) -> str:
    if not isinstance(value, str) or not _TOPIC.fullmatch(value):
        raise place.error(f"is {value!r}; a topic's name is of letters, digits, dots, underscores and hyphens")
    if value == PROBE_TOPIC:
        raise place.error(f"{PROBE_TOPIC} is the topic of the readiness probe; take another")
    return value


def _table(place: _Place, value: Any) -> str:
    table = place.name(value)
    if table in _TAKEN_TABLES:
        raise place.error(f"{table} is a table that the rollup writes; take another name")
    if table in NOT_PUBLISHED:
        raise place.error(f"{table} is what the ledger calls messages that are in no table; take another name")
    return table


def _rules(place: _Place, value: Any, fields: Sequence[Field]) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    for number, item in enumerate(place.list(value)):
        here = place.at(str(number))
        if not isinstance(item, dict) or set(item) != {"name", "condition", "description"}:
            raise here.error("must have exactly name, condition and description")
        rule = Rule(
            name=here.at("name").name(item["name"]),
            condition=here.at("condition").text(item["condition"]),
            description=here.at("description").text(item["description"]),
        )
        words = set(re.findall(r"\w+", re.sub(r"'[^']*'", "", rule.condition)))
        if not words & {field.name for field in fields}:
            raise here.at("condition").error("names none of the own fields; it is a Spark SQL condition over them")
        if re.search(r";|--|/\*", rule.condition):
            raise here.at("condition").error("must be one condition, without ; and comments")
        if rule.name in [other.name for other in rules]:
            raise here.at("name").error(f"{rule.name} is the name of two rules")
        rules.append(rule)
    return tuple(rules)


def _facts(place: _Place, value: Any) -> Facts:
    if not isinstance(value, dict) or not set(value) <= {"direction", "changes", "sales"}:
        raise place.error("may have direction, changes (Spark SQL over the own fields) and sales (true or false)")
    if not isinstance(value.get("sales", False), bool):
        raise place.at("sales").error("must be true or false")
    for key in ("direction", "changes"):
        if key in value and re.search(r";|--|/\*", place.at(key).text(value[key])):
            raise place.at(key).error("must be one expression, without ; and comments")
    return Facts(value.get("direction"), value.get("changes"), value.get("sales", False))


# --- the schema of fields ---------------------------------------------------------------------------------------------


def _fields(place: _Place, schema: Mapping[str, Any], *, open_objects: bool = False) -> tuple[Field, ...]:
    properties = _properties(place, schema, open_objects=open_objects)
    required = _subset(place.at("required"), schema.get("required", []), list(properties))
    for name, each in properties.items():
        if name in required and "default" in each:
            raise place.at("properties", name, "default").error("is never used: the field is required; drop one")
    return tuple(
        Field(name, json_type(each), nullable(each), name in required, each.get("default"), each, each["description"])
        for name, each in properties.items()
    )


def _properties(
    place: _Place, schema: Mapping[str, Any], *, open_objects: bool = False, nested: bool = False
) -> dict[str, Any]:
    properties = schema["properties"]
    if not isinstance(properties, dict):
        raise place.at("properties").error("must be a mapping of field names to their schemas ({} for none)")
    for name, each in properties.items():
        here = place.at("properties", name)
        here.name(name)
        _check_schema(here, each, open_objects=open_objects, nested=nested)
        here.at("description").text(each.get("description"))
    return properties


def _check_schema(place: _Place, schema: Any, *, open_objects: bool, nested: bool) -> None:
    if not isinstance(schema, dict):
        raise place.error("must be a schema, a mapping with type and description")
    kind = _check_type(place.at("type"), schema.get("type"))
    allowed = ("type", "description", *_KEYWORDS_BY_TYPE[kind])
    for key in schema:
        if key not in allowed:
            raise place.at(key).error(f"is not known for a field of type {kind}; allowed are {', '.join(allowed)}")
    if kind == "array":
        if "items" not in schema:
            raise place.error("items is missing: say what the array's elements are")
        _check_schema(place.at("items"), schema["items"], open_objects=False, nested=True)
    elif kind == "object" and "properties" in schema:
        _subset(place.at("required"), schema.get("required", []), list(_properties(place, schema, nested=True)))
    elif kind == "object" and not open_objects:
        raise place.error("properties is missing: say what the object's fields are")
    else:
        _check_scalar(place, schema, kind)
    if nested and "default" in schema:
        raise place.at("default").error("is filled in for an event's own fields only, not inside arrays and objects")


def _check_type(place: _Place, declared: Any) -> str:
    kinds = declared if isinstance(declared, list) else [declared]
    named = [kind for kind in kinds if kind != "null"]
    if len(named) != 1 or named[0] not in _TYPES or len(kinds) > 2:
        raise place.error(f"is {declared!r}; allowed are {', '.join(_TYPES)}, or a list of one of them and null")
    return str(named[0])


def _check_scalar(place: _Place, schema: Mapping[str, Any], kind: str) -> None:
    if "enum" in schema:
        _check_enum(place.at("enum"), schema, kind)
    if "const" in schema:
        if nullable(schema):
            raise place.at("const").error("cannot stand beside the type null, which it would never let through")
        place.at("const").value(schema["const"], kind)
    for keyword in ("minimum", "maximum"):
        if keyword in schema:
            place.at(keyword).value(schema[keyword], kind)
    for keyword in ("minLength", "maxLength"):
        if keyword in schema:
            place.at(keyword).integer(schema[keyword], 0, 2**31 - 1)
    for low, high in (("minimum", "maximum"), ("minLength", "maxLength")):
        if low in schema and high in schema and schema[low] > schema[high]:
            raise place.at(low).error(f"is more than {high}, so that no value could pass")
    if "pattern" in schema:
        _check_pattern(place.at("pattern"), schema["pattern"])
    if "format" in schema and schema["format"] not in _FORMATS:
        raise place.at("format").error(f"is {schema['format']!r}; allowed are {', '.join(_FORMATS)}")
    if "default" in schema:
        place.at("default").value(schema["default"], kind)
        broken = Fields({"field": schema}, ()).faults({"field": schema["default"]})
        if broken:
            raise place.at("default").error(f"{schema['default']!r} breaks {broken[0].keyword} of its own schema")


def _check_enum(place: _Place, schema: Mapping[str, Any], kind: str) -> None:
    values = place.list(schema["enum"])
    if not values or len({json.dumps(value) for value in values}) < len(values):
        raise place.error("must list at least one value, and none twice")
    if nullable(schema) != (None in values):
        raise place.error("must list null exactly if the type does, so that every reader lets null through or none")
    for number, value in enumerate(values):
        if value is not None:
            place.at(str(number)).value(value, kind)


def _check_pattern(place: _Place, value: Any) -> None:
    try:
        patterns.check(place.text(value))
    except patterns.PatternError as error:
        raise place.error(f"{value!r} {error}") from None


def _subset(place: _Place, value: Any, allowed: Sequence[str]) -> tuple[str, ...]:
    listed = place.list(value)
    for item in listed:
        if item not in allowed:
            raise place.error(f"{item!r} is not in properties")
    if len(set(listed)) < len(listed):
        raise place.error("lists a field twice")
    return tuple(listed)


@dataclass(frozen=True)
class _Place:
    """A place in a file, for messages, and the small checks of what stands there."""

    file: Path
    steps: tuple[str, ...] = ()

    def at(self, *steps: str) -> _Place:
        return _Place(self.file, (*self.steps, *steps))

    def error(self, problem: str) -> ContractError:
        return ContractError(f"{self.file}: {'.'.join(self.steps) or 'top level'}: {problem}")

    def text(self, value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"is {value!r}; it must be a text")
        return value

    def list(self, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.error(f"is {value!r}; it must be a list")
        return value

    def integer(self, value: Any, low: int, high: int) -> int:
        if type(value) is not int or not low <= value <= high:
            raise self.error(f"is {value!r}; it must be a whole number of {low} to {high}")
        return value

    def name(self, value: Any) -> str:
        if not isinstance(value, str) or not _NAME.fullmatch(value) or len(value) > _MOST_CHARACTERS:
            raise self.error(
                f"{value!r} is no usable name; allowed are lower-case letters, digits and single underscores, "
                f"a letter first, at most {_MOST_CHARACTERS} characters"
            )
        return value

    def value(self, value: Any, kind: str) -> None:
        """A literal of the schema must itself be of the field's type, written as JSON would."""
        fits = {
            "string": isinstance(value, str),
            "integer": type(value) is int and INT64_MIN <= value <= INT64_MAX,
            "number": type(value) in (int, float) and math.isfinite(value),
            "boolean": isinstance(value, bool),
        }
        if not fits[kind]:
            raise self.error(f"is {value!r}; it must be of the field's type, {kind}")
