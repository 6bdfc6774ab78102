"""The form of a contract file and of the envelope's file: keys, their allowed values, and what must fit together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    create_model,
    model_validator,
)

from lakehouse import names
from lakehouse.contract import patterns
from lakehouse.contract.evaluate import Fields
from lakehouse.contract.keywords import INT64_MAX, INT64_MIN, nullable
from lakehouse.contract.model import DIALECT, PROBE_TOPIC
from lakehouse.faults import check_keys, says, wrong
from lakehouse.ledger.vocabulary import Destination

_TAKEN_TABLES = frozenset(
    table.name for table in (names.DAILY_EVENT_COUNTS, names.DAILY_ITEM_SALES, names.PLAYER_ITEM_CHANGES)
) | {"player_inventory"}


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def _of_properties(listed: list[Any], info: ValidationInfo) -> list[Any]:
    for item in listed:
        if item not in list(info.data.get("properties", listed)):
            raise wrong(f"{item!r} is not in properties")
    if len(set(listed)) < len(listed):
        raise wrong("lists a field twice")
    return listed


_LIST = says("is {value!r}; it must be a list")
_MAPPING = says("must be a mapping of field names to their schemas ({{}} for none)")
_Text = Annotated[str, Field(strict=True, pattern=re.compile(r"\S")), says("is {value!r}; it must be a text")]
_Name = Annotated[
    str,
    # No double underscore: the columns of an audit are named <event_type>__<field>.
    Field(strict=True, pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=64),
    says(
        "{value!r} is no usable name; allowed are lower-case letters, digits and single underscores, a letter first, "
        "at most 64 characters"
    ),
]
_Fields = Annotated[list[Any], _LIST, AfterValidator(_of_properties)]


# --- the schema of a field --------------------------------------------------------------------------------------------


def _schema(schema: Any) -> Any:
    if not isinstance(schema, dict):
        raise wrong("must be a schema, a mapping with type and description")
    kind = _kind(schema.get("type"))
    check_keys(schema, list(_SCHEMAS[kind].model_fields), f" for a field of type {kind}")
    if kind == "array" and "items" not in schema:
        raise wrong("items is missing: say what the array's elements are")
    if kind == "object" and "properties" not in schema:
        raise wrong("properties is missing: say what the object's fields are")
    _SCHEMAS[kind].model_validate(schema)
    for low, high in (("minimum", "maximum"), ("minLength", "maxLength")):
        if low in schema and high in schema and schema[low] > schema[high]:
            raise wrong(f"is more than {high}, so that no value could pass", low)
    if "default" in schema:
        broken = Fields({"field": schema}, ()).faults({"field": schema["default"]})
        if broken:
            raise wrong(f"{schema['default']!r} breaks {broken[0].keyword} of its own schema", "default")
    return schema


def _kind(declared: Any) -> str:
    kinds = declared if isinstance(declared, list) else [declared]
    named = [kind for kind in kinds if kind != "null"]
    types = list(_SCHEMAS)
    if len(named) != 1 or named[0] not in types or len(kinds) > 2:
        raise wrong(f"is {declared!r}; allowed are {', '.join(types)}, or a list of one of them and null", "type")
    return str(named[0])


def _field(schema: Any) -> Any:
    if "description" not in _schema(schema):
        raise wrong("is None; it must be a text", "description")
    return schema


def _field_of_the_envelope(schema: Any) -> Any:
    bare = isinstance(schema, dict) and schema.get("type") == "object" and "properties" not in schema
    _field({**schema, "properties": {}} if bare else schema)  # an object of the envelope need not declare its fields
    return schema


def _without_default(schema: Any) -> Any:
    if "default" in schema:
        raise wrong("is filled in for an event's own fields only, not inside arrays and objects", "default")
    return schema


def _choice(values: list[Any], info: ValidationInfo) -> list[Any]:
    if not values or len(set(values)) < len(values):
        raise wrong("must list at least one value, and none twice")
    if nullable(info.data) != (None in values):
        raise wrong("must list null exactly if the type does, so that every reader lets null through or none")
    return values


def _beside_no_null(value: Any, info: ValidationInfo) -> Any:
    if nullable(info.data):
        raise wrong("cannot stand beside the type null, which it would never let through")
    return value


def _pattern(pattern: str) -> str:
    try:
        patterns.check(pattern)
    except patterns.PatternError as error:
        raise wrong(f"{pattern!r} {error}") from None
    return pattern


def _of_type(kind: str) -> Any:
    return says(f"is {{value!r}}; it must be of the field's type, {kind}")


_Value = TypeVar("_Value")
_Enum = Annotated[list[_Value | None], _LIST, AfterValidator(_choice)]
_Const = Annotated[_Value, AfterValidator(_beside_no_null)]
_String = Annotated[str, Field(strict=True), _of_type("string")]
_Integer = Annotated[int, Field(strict=True, ge=INT64_MIN, le=INT64_MAX), _of_type("integer")]
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False), _of_type("number")]
_Boolean = Annotated[bool, Field(strict=True), _of_type("boolean")]
_Length = Annotated[int, Field(ge=0, le=2**31 - 1), says("is {value!r}; it must be a whole number of 0 to 2147483647")]
_Pattern = Annotated[_Text, AfterValidator(_pattern)]
_Format = Annotated[Literal["date-time", "uuid"], says("is {value!r}; allowed are date-time, uuid")]
_Items = Annotated[Any, PlainValidator(_schema), AfterValidator(_without_default)]
_InnerField = Annotated[Any, PlainValidator(_field), AfterValidator(_without_default)]
_InnerFields = Annotated[dict[_Name, _InnerField], _MAPPING]


class _Schema(_Form):
    type: Any
    description: _Text = ""


def _with(**keywords: Any) -> type[_Schema]:
    optional: dict[str, Any] = {key: (form, None) for key, form in keywords.items()}
    return create_model("_Schema", __base__=_Schema, **optional)


_SCHEMAS: Mapping[str, type[_Schema]] = {
    "string": _with(
        enum=_Enum[_String], const=_Const[_String], minLength=_Length, maxLength=_Length, pattern=_Pattern,
        format=_Format, default=_String,
    ),
    "integer": _with(enum=_Enum[_Integer], const=_Const[_Integer], minimum=_Integer, maximum=_Integer, default=_Integer),
    "number": _with(enum=_Enum[_Number], const=_Const[_Number], minimum=_Number, maximum=_Number, default=_Number),
    "boolean": _with(const=_Const[_Boolean], default=_Boolean),
    "array": _with(items=_Items),
    "object": _with(properties=_InnerFields, required=_Fields),
}  # fmt: skip


# --- the whole file ---------------------------------------------------------------------------------------------------


_Dialect = Annotated[str, Field(pattern=f"^{re.escape(DIALECT)}$"), says(f"must be {DIALECT}")]
_OwnFields = Annotated[dict[_Name, Annotated[Any, PlainValidator(_field)]], _MAPPING]
_EnvelopeFields = Annotated[dict[_Name, Annotated[Any, PlainValidator(_field_of_the_envelope)]], _MAPPING]


class EnvelopeForm(_Form):
    """The keys of the envelope's file. A contract file has more."""

    dialect: _Dialect = Field(alias="$schema")
    title: _Name
    description: _Text
    type: Annotated[Literal["object"], says("must be object: an event is one")]
    properties: _EnvelopeFields
    required: _Fields = []

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, document: Any) -> Any:
        check_keys(document, [field.alias or name for name, field in cls.model_fields.items()])
        return document

    @model_validator(mode="after")
    def _defaults_are_used(self) -> EnvelopeForm:
        for name in self.required:
            if "default" in self.properties[name]:
                raise wrong("is never used: the field is required; drop one", "properties", name, "default")
        return self


def _one(what: str) -> AfterValidator:
    def check(text: str) -> str:
        if re.search(r";|--|/\*", text):
            raise wrong(f"must be one {what}, without ; and comments")
        return text

    return AfterValidator(check)


def _free_topic(topic: str) -> str:
    if topic == PROBE_TOPIC:
        raise wrong(f"{PROBE_TOPIC} is the topic of the readiness probe; take another")
    return topic


def _free_table(table: str) -> str:
    if table in _TAKEN_TABLES:
        raise wrong(f"{table} is a table that the rollup writes; take another name")
    if not Destination.is_event_table(table):
        raise wrong(f"{table} is what the ledger calls messages that are in no table; take another name")
    return table


_Topic = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$"),
    says("is {value!r}; a topic's name is of letters, digits, dots, underscores and hyphens"),
    AfterValidator(_free_topic),
]
_Version = Annotated[int, Field(ge=1, le=2**31 - 1), says("is {value!r}; it must be a whole number of 1 to 2147483647")]
_Expression = Annotated[_Text, _one("expression")]


class _Rule(_Form):
    name: _Name
    condition: Annotated[_Text, _one("condition")]
    description: _Text


class _Facts(_Form):
    direction: _Expression = ""
    changes: _Expression = ""
    sales: Annotated[bool, says("must be true or false")] = False


_Rules = Annotated[list[Annotated[_Rule, says("must have exactly name, condition and description")]], _LIST]
_OnlyFacts = Annotated[
    _Facts, says("may have direction, changes (Spark SQL over the own fields) and sales (true or false)")
]


class ContractForm(EnvelopeForm):
    """The keys of a contract file."""

    properties: _OwnFields
    topic: _Topic = Field(alias="x-topic")
    table: Annotated[_Name, AfterValidator(_free_table)] = Field(alias="x-table")
    owner: _Text = Field(alias="x-owner")
    version: _Version = Field(alias="x-version")
    personal: _Fields = Field(default=[], alias="x-personal")
    rules: _Rules = Field(default=[], alias="x-rules")
    facts: _OnlyFacts = Field(default=_Facts(), alias="x-facts")

    @model_validator(mode="after")
    def _rules_are_about_own_fields(self) -> ContractForm:
        taken: set[str] = set()
        for number, rule in enumerate(self.rules):
            place = ("x-rules", str(number))
            words = set(re.findall(r"\w+", re.sub(r"'[^']*'", "", rule.condition)))
            if not words & set(self.properties):
                raise wrong("names none of the own fields; it is a Spark SQL condition over them", *place, "condition")
            if rule.name in taken:
                raise wrong(f"{rule.name} is the name of two rules", *place, "name")
            taken.add(rule.name)
        return self
