"""The loader: what the contracts of this checkout give, and each kind of contract that it refuses."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse.contract.load import ENVELOPE_FILE, load_contracts
from lakehouse.contract.model import ContractError, Facts
from lakehouse.ledger.vocabulary import NOT_PUBLISHED
from lakehouse.settings import CHECKOUT
from operations.event_table import markdown

CONTRACTS = CHECKOUT / "contracts"

GOOD: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "sample",
    "description": "Something happened.",
    "x-topic": "events",
    "x-table": "samples",
    "x-owner": "game-test",
    "x-version": 1,
    "x-personal": ["name"],
    "x-rules": [{"name": "named", "condition": "name <> ''", "description": "It has a name."}],
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "A name.", "pattern": "^[a-z]{1,9}$", "default": "a"},
        "count": {"type": ["integer", "null"], "description": "How many.", "minimum": 0, "maximum": 9},
        "size": {"type": "string", "description": "How big.", "enum": ["small", "big"]},
        "things": {
            "type": "array",
            "description": "All of them.",
            "items": {
                "type": "object",
                "properties": {"thing": {"type": "string", "description": "One.", "format": "uuid"}},
                "required": ["thing"],
            },
        },
    },
    "required": ["size"],
}


def write(folder: Path, document: Any, name: str = "sample") -> Path:
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return folder


def test_the_checkout_has_the_nine_event_types_with_their_topics_and_tables() -> None:
    contracts = load_contracts(CONTRACTS)
    social = {
        "request_group": "group_requests",
        "accept_member": "member_acceptances",
        "decline_member": "member_declines",
        "message": "messages",
    }
    found = {name: (each.topic, each.table) for name, each in contracts.items()}
    expected = {
        "default": ("events", "default_events"),
        "purchase_sword": ("events", "sword_purchases"),
        "purchase_horse": ("events", "horse_purchases"),
        "guild_action": ("events", "guild_actions"),
        "cart_action": ("events", "cart_actions"),
        **{name: ("MessageHistory", table) for name, table in social.items()},
    }
    assert expected.items() <= found.items()
    assert {"MessageHistory", "events"} <= set(contracts.topics)
    assert sorted(table for _, table in found.values()) == list(contracts.tables)
    assert [field.name for field in contracts.envelope] == [
        "event_id", "event_type", "schema_version", "received_at", "occurred_at", "player", "host", "user_agent",
        "accept", "http_headers",
    ]  # fmt: skip


def test_a_good_contract_gives_its_fields_and_rules(tmp_path: Path) -> None:
    contract = load_contracts(write(tmp_path, GOOD))["sample"]
    fields = [(each.name, each.type, each.nullable, each.required, each.default) for each in contract.fields]
    assert fields == [
        ("name", "string", False, False, "a"),
        ("count", "integer", True, False, None),
        ("size", "string", False, True, None),
        ("things", "array", False, False, None),
    ]
    assert (contract.version, contract.owner, contract.personal) == (1, "game-test", ("name",))
    assert [(rule.name, rule.condition) for rule in contract.rules] == [("named", "name <> ''")]
    assert not any(key.startswith("x-") for key in contract.schema)


def test_the_hash_changes_with_content_and_not_with_layout(tmp_path: Path) -> None:
    first = load_contracts(write(tmp_path, GOOD))
    (tmp_path / "sample.yaml").write_text("# a comment\n" + (tmp_path / "sample.yaml").read_text())
    assert load_contracts(tmp_path).hash == first.hash
    changed = {**GOOD, "x-version": 2}
    second = load_contracts(write(tmp_path, changed))
    assert second.hash != first.hash
    assert second["sample"] != first["sample"]


def test_the_order_of_fields_counts_for_the_hash(tmp_path: Path) -> None:
    first = load_contracts(write(tmp_path, GOOD)).hash
    turned = {**GOOD, "properties": dict(reversed(GOOD["properties"].items()))}
    assert load_contracts(write(tmp_path, turned)).hash != first


Change = Callable[[dict[str, Any]], Any]


def at(*path: str, to: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        place = document
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return change


def without(key: str) -> Change:
    return lambda document: document.pop(key)


def field(**schema: Any) -> Change:
    return at("properties", "odd", to={"description": "Odd.", **schema})


RULE = {"name": "named", "condition": "name <> ''", "description": "It has a name."}
BAD: dict[str, tuple[Change, str, str]] = {
    "unknown key": (at("x-tabel", to="x"), "x-tabel", "not known"),
    "unknown keyword": (field(type="string", minlength=1), "properties.odd.minlength", "not known"),
    "keyword of JSON Schema that is not in the list": (
        field(type="string", anyOf=[]),
        "properties.odd.anyOf",
        "not known",
    ),
    "additionalProperties": (at("additionalProperties", to=False), "additionalProperties", "not known"),
    "reference": (field(**{"$ref": "#/x"}), "properties.odd.type", "allowed are"),
    "keyword of another type": (field(type="string", minimum=1), "properties.odd.minimum", "type string"),
    "length of a number": (field(type="integer", maxLength=1), "properties.odd.maxLength", "type integer"),
    "field without a type": (field(enum=["a"]), "properties.odd.type", "allowed are"),
    "unknown type": (field(type="text"), "properties.odd.type", "allowed are"),
    "two types": (field(type=["string", "integer"]), "properties.odd.type", "allowed are"),
    "null only": (field(type="null"), "properties.odd.type", "allowed are"),
    "field without description": (at("properties", "odd", to={"type": "string"}), "properties.odd.description", "text"),
    "field that is no schema": (at("properties", "odd", to=True), "properties.odd", "mapping"),
    "field of the envelope": (
        at("properties", "player", to={"type": "string", "description": "x"}),
        "player",
        "another",
    ),
    "field that is a table's column": (
        at("properties", "raw_event", to={"type": "string", "description": "x"}),
        "properties.raw_event",
        "another name",
    ),
    "field with capitals": (
        at("properties", "Name", to={"type": "string", "description": "x"}),
        "Name",
        "no usable name",
    ),
    "field with two underscores": (
        at("properties", "a__b", to={"type": "string", "description": "x"}),
        "a__b",
        "usable",
    ),
    "title that is not the file's name": (at("title", to="other"), "title", "'sample'"),
    "title that is no name": (at("title", to="Sample!"), "title", "no usable name"),
    "required field that is not there": (at("required", to=["size", "nowhere"]), "required", "'nowhere'"),
    "required twice": (at("required", to=["size", "size"]), "required", "twice"),
    "required with a default": (at("required", to=["name"]), "properties.name.default", "required"),
    "required of an item that is not there": (
        at("properties", "things", "items", "required", to=["nowhere"]),
        "properties.things.items.required",
        "'nowhere'",
    ),
    "default of another type": (field(type="integer", default="1"), "properties.odd.default", "integer"),
    "default below the minimum": (field(type="integer", minimum=1, default=0), "properties.odd.default", "minimum"),
    "default not in the enum": (field(type="string", enum=["a"], default="b"), "properties.odd.default", "enum"),
    "default against the pattern": (
        field(type="string", pattern="^a$", default="b"),
        "properties.odd.default",
        "pattern",
    ),
    "default null": (field(type=["string", "null"], default=None), "properties.odd.default", "string"),
    "default inside an item": (
        at(
            "properties",
            "things",
            "items",
            "properties",
            "thing",
            to={"type": "string", "description": "x", "default": "a"},
        ),
        "properties.things.items.properties.thing.default",
        "own fields only",
    ),
    "enum of another type": (field(type="string", enum=["a", 1]), "properties.odd.enum.1", "string"),
    "empty enum": (field(type="string", enum=[]), "properties.odd.enum", "at least one"),
    "enum value twice": (field(type="string", enum=["a", "a"]), "properties.odd.enum", "twice"),
    "enum without the null of its type": (field(type=["string", "null"], enum=["a"]), "properties.odd.enum", "null"),
    "const beside null": (field(type=["string", "null"], const="a"), "properties.odd.const", "null"),
    "integer bound with a fraction": (field(type="integer", minimum=0.5), "properties.odd.minimum", "integer"),
    "integer bound beyond 64 bits": (field(type="integer", maximum=2**63), "properties.odd.maximum", "integer"),
    "infinite bound": (field(type="number", maximum=float("inf")), "properties.odd.maximum", "number"),
    "boolean bound": (field(type="integer", minimum=True), "properties.odd.minimum", "integer"),
    "bounds that nothing meets": (field(type="integer", minimum=2, maximum=1), "properties.odd.minimum", "no value"),
    "negative length": (field(type="string", minLength=-1), "properties.odd.minLength", "whole number"),
    "unknown format": (field(type="string", format="email"), "properties.odd.format", "date-time, uuid"),
    "pattern that is not anchored": (field(type="string", pattern="a"), "properties.odd.pattern", "^...$"),
    "pattern with a dot": (field(type="string", pattern="^.$"), "properties.odd.pattern", "safe subset"),
    "array without items": (field(type="array"), "properties.odd", "items is missing"),
    "object without properties": (field(type="object"), "properties.odd", "properties is missing"),
    "no description": (without("description"), "top level", "description is missing"),
    "empty description": (at("description", to=" "), "description", "text"),
    "no topic": (without("x-topic"), "top level", "x-topic is missing"),
    "no owner": (without("x-owner"), "top level", "x-owner is missing"),
    "another dialect": (at("$schema", to="http://json-schema.org/draft-07/schema#"), "$schema", "2020-12"),
    "an event that is no object": (at("type", to="array"), "type", "object"),
    "properties that are a list": (at("properties", to=["name"]), "properties", "mapping"),
    "topic that Kafka refuses": (at("x-topic", to="a b"), "x-topic", "'a b'"),
    "topic of the probe": (at("x-topic", to="probe"), "x-topic", "readiness"),
    "table that is no name": (at("x-table", to="game.samples"), "x-table", "no usable name"),
    "table of the rollup": (at("x-table", to="daily_item_sales"), "x-table", "rollup"),
    **{
        f"table that the ledger would take for {name} messages": (at("x-table", to=str(name)), "x-table", "in no table")
        for name in NOT_PUBLISHED
    },
    "version zero": (at("x-version", to=0), "x-version", "whole number"),
    "version as a text": (at("x-version", to="1"), "x-version", "whole number"),
    "personal field that is not there": (at("x-personal", to=["nowhere"]), "x-personal", "'nowhere'"),
    "rule without description": (at("x-rules", to=[{"name": "a", "condition": "name = ''"}]), "x-rules.0", "exactly"),
    "rule about nothing of the event": (
        at("x-rules", to=[RULE | {"condition": "1 = 1"}]),
        "x-rules.0.condition",
        "own",
    ),
    "rule that names a field in a text only": (
        at("x-rules", to=[RULE | {"condition": "'name' = 'x'"}]),
        "x-rules.0",
        "own",
    ),
    "rule of two statements": (
        at("x-rules", to=[RULE | {"condition": "name = ''; drop"}]),
        "x-rules.0.condition",
        "one",
    ),
    "two rules of one name": (at("x-rules", to=[RULE, RULE]), "x-rules.1.name", "two rules"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_contract_is_refused_with_its_file_and_place(tmp_path: Path, kind: str) -> None:
    change, place, said = BAD[kind]
    document = copy.deepcopy(GOOD)
    change(document)
    with pytest.raises(ContractError) as refused:
        load_contracts(write(tmp_path, document))
    message = str(refused.value)
    assert message.startswith(str(tmp_path / "sample.yaml"))
    assert place in message
    assert said in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: [", "YAML"),
        ("title: a\ntitle: b\n", "written twice"),
        ("on: a\n", "quotes"),
        ("- a\n", "mapping"),
        ("a: !!python/object:os.system x\n", "YAML"),
        ("", "mapping"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "sample.yaml").write_text(text)
    with pytest.raises(ContractError, match=said):
        load_contracts(tmp_path)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sample.yaml").write_bytes(b"title: \xff")
    with pytest.raises(ContractError, match="sample.yaml"):
        load_contracts(tmp_path)


def test_two_contracts_may_not_share_a_table(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, {**GOOD, "title": "sample_two"}, "sample_two")
    with pytest.raises(ContractError, match="x-table: samples is also the table of sample;"):
        load_contracts(tmp_path)


def test_topics_that_kafka_mixes_up_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {**GOOD, "x-topic": "a.b"})
    write(tmp_path, {**GOOD, "title": "sample_two", "x-table": "samples_two", "x-topic": "a_b"}, "sample_two")
    with pytest.raises(ContractError, match="x-topic"):
        load_contracts(tmp_path)


def test_a_file_that_would_be_ignored_is_refused(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "other.yml").write_text("title: other\n")
    with pytest.raises(ContractError, match=r"other\.yml"):
        load_contracts(tmp_path)


def test_a_folder_without_contracts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no contract"):
        load_contracts(tmp_path)
    with pytest.raises(ContractError, match="no folder"):
        load_contracts(tmp_path / "nowhere")


def test_the_event_table_has_a_row_for_each_type_and_names_each_field() -> None:
    contracts = load_contracts(CONTRACTS)
    rows = markdown(contracts).splitlines()[2:]
    assert len(rows) == len(contracts)
    for row, contract in zip(rows, contracts.values(), strict=True):
        assert row.startswith(f"| `{contract.event_type}` |")
        assert row.count(" | ") == 4
        assert all(f"`{each.name}`" in row for each in contract.fields)
    assert "`quantity`: integer, ≥ 0, ≤ 1,000,000,000,000, default `1`" in markdown(contracts)
    assert "`items`: list of {item_type, item, quantity}, required" in markdown(contracts)


FACTS = {"direction": "'increase'", "changes": "array()", "sales": True}
ALSO_BAD: dict[str, Change] = {
    "facts that are a list": at("x-facts", to=["sales"]),
    "facts with another key": at("x-facts", to=FACTS | {"sale": True}),
    "sales that is a text": at("x-facts", to=FACTS | {"sales": "yes"}),
    "direction that is no text": at("x-facts", to=FACTS | {"direction": 1}),
    "direction of two statements": at("x-facts", to=FACTS | {"direction": "a; b"}),
    "changes with a comment": at("x-facts", to=FACTS | {"changes": "a -- b"}),
    "changes with a long comment": at("x-facts", to=FACTS | {"changes": "a /* b */"}),
    "rules that are a mapping": at("x-rules", to=RULE),
    "rule that is a text": at("x-rules", to=["name = ''"]),
    "rule with another key": at("x-rules", to=[RULE | {"table": "x"}]),
    "rule with a bad name": at("x-rules", to=[RULE, RULE | {"name": "Named"}]),
    "rule with an empty condition": at("x-rules", to=[RULE | {"condition": ""}]),
    "rule with an empty description": at("x-rules", to=[RULE | {"description": "  "}]),
    "rule with a comment": at("x-rules", to=[RULE | {"condition": "name -- x"}]),
    "rule with a long comment": at("x-rules", to=[RULE | {"condition": "name /* x */"}]),
    "null in the enum of a type without": field(type="string", enum=["a", None]),
    "enum that is a text": field(type="string", enum="a"),
    "const of another type": field(type="boolean", const="true"),
    "lengths that nothing meets": field(type="string", minLength=2, maxLength=1),
    "length above 32 bits": field(type="string", maxLength=2**31),
    "length that is true": field(type="string", minLength=True),
    "bound below 64 bits": field(type="integer", minimum=-(2**63) - 1),
    "bound that is true": field(type="number", minimum=True),
    "three types": field(type=["string", "null", "null"]),
    "pattern that is no text": field(type="string", pattern=1),
    "default longer than allowed": field(type="string", maxLength=1, default="ab"),
    "items that are a text": field(type="array", items="string"),
    "items of items without a type": field(type="array", items={"type": "array", "items": {}}),
    "object in an array without properties": field(type="array", items={"type": "object"}),
    "object whose required is a text": field(type="object", properties={}, required="a"),
    "properties of an object that are a list": field(type="object", properties=[]),
    "field of an object without description": field(type="object", properties={"a": {"type": "string"}}),
    "default of an item": field(type="array", items={"type": "string", "default": "a"}),
    "required that is a text": at("required", to="size"),
    "personal field twice": at("x-personal", to=["name", "name"]),
    "name of 65 characters": at("x-table", to="a" * 65),
    "name that begins with a digit": at("x-table", to="1a"),
    "name that ends in an underscore": at("x-table", to="a_"),
    "table of the inventory": at("x-table", to="player_inventory"),
    "topic of 202 characters": at("x-topic", to="a" * 202),
    "topic that is a number": at("x-topic", to=1),
    "version above 32 bits": at("x-version", to=2**31),
    "version with a fraction": at("x-version", to=1.0),
    "owner that is a list": at("x-owner", to=["a"]),
    "no title": without("title"),
    "no version": without("x-version"),
    "no table": without("x-table"),
    "no type": without("type"),
    "no properties": without("properties"),
    "no dialect": without("$schema"),
}
TOP_KEYS = (
    "$schema, title, description, type, properties, required, x-topic, x-table, x-owner, x-version, x-personal, "
    "x-rules, x-facts"
)
TYPES = "string, integer, number, boolean, array, object, or a list of one of them and null"
NO_NAME = (
    "is no usable name; allowed are lower-case letters, digits and single underscores, a letter first, at most 64 "
    "characters"
)
STRING_KEYS = "type, description, enum, const, minLength, maxLength, pattern, format, default"
WHOLE: dict[str, tuple[str, str]] = {  # place, and what is wrong there
    "unknown key": ("x-tabel", f"is not known; allowed are {TOP_KEYS}"),
    "unknown keyword": (
        "properties.odd.minlength",
        f"is not known for a field of type string; allowed are {STRING_KEYS}",
    ),
    "keyword of JSON Schema that is not in the list": (
        "properties.odd.anyOf",
        f"is not known for a field of type string; allowed are {STRING_KEYS}",
    ),
    "additionalProperties": ("additionalProperties", f"is not known; allowed are {TOP_KEYS}"),
    "reference": ("properties.odd.type", f"is None; allowed are {TYPES}"),
    "keyword of another type": (
        "properties.odd.minimum",
        f"is not known for a field of type string; allowed are {STRING_KEYS}",
    ),
    "length of a number": (
        "properties.odd.maxLength",
        "is not known for a field of type integer; allowed are type, description, enum, const, minimum, maximum, default",
    ),
    "field without a type": ("properties.odd.type", f"is None; allowed are {TYPES}"),
    "unknown type": ("properties.odd.type", f"is 'text'; allowed are {TYPES}"),
    "two types": ("properties.odd.type", f"is ['string', 'integer']; allowed are {TYPES}"),
    "null only": ("properties.odd.type", f"is 'null'; allowed are {TYPES}"),
    "field without description": ("properties.odd.description", "is None; it must be a text"),
    "field that is no schema": ("properties.odd", "must be a schema, a mapping with type and description"),
    "field of the envelope": ("properties.player", "is a column of every event table; take another name"),
    "field that is a table's column": ("properties.raw_event", "is a column of every event table; take another name"),
    "field with capitals": ("properties.Name", f"'Name' {NO_NAME}"),
    "field with two underscores": ("properties.a__b", f"'a__b' {NO_NAME}"),
    "title that is not the file's name": ("title", "is 'other'; it must be the file's name, 'sample'"),
    "title that is no name": ("title", f"'Sample!' {NO_NAME}"),
    "required field that is not there": ("required", "'nowhere' is not in properties"),
    "required twice": ("required", "lists a field twice"),
    "required with a default": ("properties.name.default", "is never used: the field is required; drop one"),
    "required of an item that is not there": ("properties.things.items.required", "'nowhere' is not in properties"),
    "default of another type": ("properties.odd.default", "is '1'; it must be of the field's type, integer"),
    "default below the minimum": ("properties.odd.default", "0 breaks minimum of its own schema"),
    "default not in the enum": ("properties.odd.default", "'b' breaks enum of its own schema"),
    "default against the pattern": ("properties.odd.default", "'b' breaks pattern of its own schema"),
    "default null": ("properties.odd.default", "is None; it must be of the field's type, string"),
    "default inside an item": (
        "properties.things.items.properties.thing.default",
        "is filled in for an event's own fields only, not inside arrays and objects",
    ),
    "enum of another type": ("properties.odd.enum.1", "is 1; it must be of the field's type, string"),
    "empty enum": ("properties.odd.enum", "must list at least one value, and none twice"),
    "enum value twice": ("properties.odd.enum", "must list at least one value, and none twice"),
    "enum without the null of its type": (
        "properties.odd.enum",
        "must list null exactly if the type does, so that every reader lets null through or none",
    ),
    "const beside null": (
        "properties.odd.const",
        "cannot stand beside the type null, which it would never let through",
    ),
    "integer bound with a fraction": ("properties.odd.minimum", "is 0.5; it must be of the field's type, integer"),
    "integer bound beyond 64 bits": (
        "properties.odd.maximum",
        "is 9223372036854775808; it must be of the field's type, integer",
    ),
    "infinite bound": ("properties.odd.maximum", "is inf; it must be of the field's type, number"),
    "boolean bound": ("properties.odd.minimum", "is True; it must be of the field's type, integer"),
    "bounds that nothing meets": ("properties.odd.minimum", "is more than maximum, so that no value could pass"),
    "negative length": ("properties.odd.minLength", "is -1; it must be a whole number of 0 to 2147483647"),
    "unknown format": ("properties.odd.format", "is 'email'; allowed are date-time, uuid"),
    "pattern that is not anchored": (
        "properties.odd.pattern",
        "'a' must be written ^...$, since the whole value has to match",
    ),
    "pattern with a dot": (
        "properties.odd.pattern",
        "'^.$' at character 2 ('.$'): is not in the safe subset; write literals (punctuation behind a backslash), "
        "[a-z], [^a-z], (...), |, ?, *, +, {m,n}; engines differ in . \\d \\w \\s \\b, lookarounds, back references "
        "and lazy quantifiers",
    ),
    "array without items": ("properties.odd", "items is missing: say what the array's elements are"),
    "object without properties": ("properties.odd", "properties is missing: say what the object's fields are"),
    "no description": ("top level", "description is missing"),
    "empty description": ("description", "is ' '; it must be a text"),
    "no topic": ("top level", "x-topic is missing"),
    "no owner": ("top level", "x-owner is missing"),
    "another dialect": ("$schema", "must be https://json-schema.org/draft/2020-12/schema"),
    "an event that is no object": ("type", "must be object: an event is one"),
    "properties that are a list": ("properties", "must be a mapping of field names to their schemas ({} for none)"),
    "topic that Kafka refuses": (
        "x-topic",
        "is 'a b'; a topic's name is of letters, digits, dots, underscores and hyphens",
    ),
    "topic of the probe": ("x-topic", "probe is the topic of the readiness probe; take another"),
    "table that is no name": ("x-table", f"'game.samples' {NO_NAME}"),
    "table of the rollup": ("x-table", "daily_item_sales is a table that the rollup writes; take another name"),
    "version zero": ("x-version", "is 0; it must be a whole number of 1 to 2147483647"),
    "version as a text": ("x-version", "is '1'; it must be a whole number of 1 to 2147483647"),
    "personal field that is not there": ("x-personal", "'nowhere' is not in properties"),
    "rule without description": ("x-rules.0", "must have exactly name, condition and description"),
    "rule about nothing of the event": (
        "x-rules.0.condition",
        "names none of the own fields; it is a Spark SQL condition over them",
    ),
    "rule that names a field in a text only": (
        "x-rules.0.condition",
        "names none of the own fields; it is a Spark SQL condition over them",
    ),
    "rule of two statements": ("x-rules.0.condition", "must be one condition, without ; and comments"),
    "two rules of one name": ("x-rules.1.name", "named is the name of two rules"),
    "facts that are a list": (
        "x-facts",
        "may have direction, changes (Spark SQL over the own fields) and sales (true or false)",
    ),
    "facts with another key": (
        "x-facts",
        "may have direction, changes (Spark SQL over the own fields) and sales (true or false)",
    ),
    "sales that is a text": ("x-facts.sales", "must be true or false"),
    "direction that is no text": ("x-facts.direction", "is 1; it must be a text"),
    "direction of two statements": ("x-facts.direction", "must be one expression, without ; and comments"),
    "changes with a comment": ("x-facts.changes", "must be one expression, without ; and comments"),
    "changes with a long comment": ("x-facts.changes", "must be one expression, without ; and comments"),
    "rules that are a mapping": (
        "x-rules",
        "is {'name': 'named', 'condition': \"name <> ''\", 'description': 'It has a name.'}; it must be a list",
    ),
    "rule that is a text": ("x-rules.0", "must have exactly name, condition and description"),
    "rule with another key": ("x-rules.0", "must have exactly name, condition and description"),
    "rule with a bad name": ("x-rules.1.name", f"'Named' {NO_NAME}"),
    "rule with an empty condition": ("x-rules.0.condition", "is ''; it must be a text"),
    "rule with an empty description": ("x-rules.0.description", "is '  '; it must be a text"),
    "rule with a comment": ("x-rules.0.condition", "must be one condition, without ; and comments"),
    "rule with a long comment": ("x-rules.0.condition", "must be one condition, without ; and comments"),
    "null in the enum of a type without": (
        "properties.odd.enum",
        "must list null exactly if the type does, so that every reader lets null through or none",
    ),
    "enum that is a text": ("properties.odd.enum", "is 'a'; it must be a list"),
    "const of another type": ("properties.odd.const", "is 'true'; it must be of the field's type, boolean"),
    "lengths that nothing meets": ("properties.odd.minLength", "is more than maxLength, so that no value could pass"),
    "length above 32 bits": ("properties.odd.maxLength", "is 2147483648; it must be a whole number of 0 to 2147483647"),
    "length that is true": ("properties.odd.minLength", "is True; it must be a whole number of 0 to 2147483647"),
    "bound below 64 bits": (
        "properties.odd.minimum",
        "is -9223372036854775809; it must be of the field's type, integer",
    ),
    "bound that is true": ("properties.odd.minimum", "is True; it must be of the field's type, number"),
    "three types": ("properties.odd.type", f"is ['string', 'null', 'null']; allowed are {TYPES}"),
    "pattern that is no text": ("properties.odd.pattern", "is 1; it must be a text"),
    "default longer than allowed": ("properties.odd.default", "'ab' breaks maxLength of its own schema"),
    "items that are a text": ("properties.odd.items", "must be a schema, a mapping with type and description"),
    "items of items without a type": ("properties.odd.items.items.type", f"is None; allowed are {TYPES}"),
    "object in an array without properties": (
        "properties.odd.items",
        "properties is missing: say what the object's fields are",
    ),
    "object whose required is a text": ("properties.odd.required", "is 'a'; it must be a list"),
    "properties of an object that are a list": (
        "properties.odd.properties",
        "must be a mapping of field names to their schemas ({} for none)",
    ),
    "field of an object without description": ("properties.odd.properties.a.description", "is None; it must be a text"),
    "default of an item": (
        "properties.odd.items.default",
        "is filled in for an event's own fields only, not inside arrays and objects",
    ),
    "required that is a text": ("required", "is 'size'; it must be a list"),
    "personal field twice": ("x-personal", "lists a field twice"),
    "name of 65 characters": ("x-table", f"{'a' * 65!r} {NO_NAME}"),
    "name that begins with a digit": ("x-table", f"'1a' {NO_NAME}"),
    "name that ends in an underscore": ("x-table", f"'a_' {NO_NAME}"),
    "table of the inventory": ("x-table", "player_inventory is a table that the rollup writes; take another name"),
    "topic of 202 characters": (
        "x-topic",
        f"is {'a' * 202!r}; a topic's name is of letters, digits, dots, underscores and hyphens",
    ),
    "topic that is a number": ("x-topic", "is 1; a topic's name is of letters, digits, dots, underscores and hyphens"),
    "version above 32 bits": ("x-version", "is 2147483648; it must be a whole number of 1 to 2147483647"),
    "version with a fraction": ("x-version", "is 1.0; it must be a whole number of 1 to 2147483647"),
    "owner that is a list": ("x-owner", "is ['a']; it must be a text"),
    "no title": ("top level", "title is missing"),
    "no version": ("top level", "x-version is missing"),
    "no table": ("top level", "x-table is missing"),
    "no type": ("top level", "type is missing"),
    "no properties": ("top level", "properties is missing"),
    "no dialect": ("top level", "$schema is missing"),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_refusal_says_where_what_is_wrong_and_what_is_allowed(tmp_path: Path, kind: str) -> None:
    change = ALSO_BAD[kind] if kind in ALSO_BAD else BAD[kind][0]
    document = copy.deepcopy(GOOD)
    change(document)
    with pytest.raises(ContractError) as refused:
        load_contracts(write(tmp_path, document))
    assert str(refused.value) == f"{tmp_path / 'sample.yaml'}: {': '.join(WHOLE[kind])}"


def test_every_bad_contract_has_its_whole_refusal() -> None:
    alike = {kind for kind in BAD if kind.startswith("table that the ledger would take")}
    assert {*BAD, *ALSO_BAD} - alike == set(WHOLE)


def refused(folder: Path) -> str:
    with pytest.raises(ContractError) as raised:
        load_contracts(folder)
    return str(raised.value)


def test_files_and_folders_are_refused_in_whole_sentences(tmp_path: Path) -> None:
    nowhere, empty, other = tmp_path / "nowhere", tmp_path / "empty", tmp_path / "other"
    empty.mkdir()
    other.mkdir()
    (empty / ".hidden").touch()
    assert refused(nowhere) == f"{nowhere}: is no folder; contracts are files <event_type>.yaml in one folder"
    assert refused(empty) == f"{empty}: holds no contract; add <event_type>.yaml"
    write(other, GOOD)
    (other / "b.yaml").mkdir()
    words = "would be ignored; a contract is a file named <event_type>.yaml"
    assert refused(other) == f"{other / 'b.yaml'}: {words}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\ntitle: a\ntitle: b\n", "is no usable YAML: line 3: the key 'title' is written twice"),
        ("a: 1\non: a\n", "is no usable YAML: line 2: the key True is no text; put it in quotes"),
        ("- a\n", "is no mapping; see the contracts beside it for the form"),
        (
            "title: [\n",
            "is no usable YAML: while parsing a flow node expected the node content, but found '<stream end>' in "
            '"<unicode string>", line 2, column 1: ^',
        ),
    ],
)
def test_what_is_no_contract_at_all_is_said_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "sample.yaml").write_text(text)
    assert refused(tmp_path) == f"{tmp_path / 'sample.yaml'}: {words}"


def test_what_two_contracts_may_not_share_is_said_in_whole_sentences(tmp_path: Path) -> None:
    write(tmp_path, {**GOOD, "x-topic": "a.b"})
    second = tmp_path / "sample_two.yaml"
    write(tmp_path, {**GOOD, "title": "sample_two"}, "sample_two")
    assert refused(tmp_path) == f"{second}: x-table: samples is also the table of sample; one table holds one type"
    write(tmp_path, {**GOOD, "title": "sample_two", "x-table": "others", "x-topic": "a_b"}, "sample_two")
    assert refused(tmp_path) == f"{second}: x-topic: a_b and a.b differ only in . and _; Kafka refuses that"


def test_what_is_just_allowed_is_taken_as_it_is_written(tmp_path: Path) -> None:
    document = copy.deepcopy(GOOD)
    edges: dict[str, Any] = {
        "equal_bounds": {"type": "integer", "minimum": -(2**63), "maximum": -(2**63), "default": -(2**63)},
        "largest": {"type": ["null", "integer"], "maximum": 2**63 - 1},
        "fraction": {"type": "number", "minimum": 0, "maximum": 0.5, "default": 0.5},
        "lengths": {"type": "string", "minLength": 0, "maxLength": 2**31 - 1, "default": ""},
        "equal_lengths": {"type": "string", "minLength": 1, "maxLength": 1},
        "nothing_or_a": {"type": ["string", "null"], "enum": ["a", None]},
        "only": {"type": "boolean", "const": True, "default": True},
        "time": {"type": "string", "format": "date-time"},
        "inner": {
            "type": "object",
            "properties": {"deep": {"type": "array", "description": "x", "items": {"type": "number"}}},
        },
        "a" * 64: {"type": "string"},
    }
    document["properties"] |= {name: {**schema, "description": "x"} for name, schema in edges.items()}
    document |= {"x-topic": "A.b-c_" + "d" * 195, "x-table": "t" * 64, "x-version": 2**31 - 1, "x-facts": FACTS}
    del document["x-personal"], document["x-rules"], document["required"]
    contracts = load_contracts(write(tmp_path, document))
    contract = contracts["sample"]
    assert [field.name for field in contract.fields] == ["name", "count", "size", "things", *edges]
    assert {field.name: field.default for field in contract.fields if field.default is not None} == {
        "name": "a", "equal_bounds": -(2**63), "fraction": 0.5, "lengths": "", "only": True,
    }  # fmt: skip
    assert not any(field.required for field in contract.fields)
    assert [field.name for field in contract.fields if field.nullable] == ["count", "largest", "nothing_or_a"]
    assert (contract.personal, contract.rules) == ((), ())
    assert contract.facts == Facts("'increase'", "array()", True)
    assert contract.version == 2**31 - 1
    assert (contract.topic, contract.table) == ("A.b-c_" + "d" * 195, "t" * 64)
    assert contract.description == "Something happened." and contract.schema["title"] == "sample"
    assert contracts.topics == (contract.topic,) and contracts.tables == (contract.table,)
    assert len(contracts) == 1 and list(contracts) == ["sample"]


def test_contracts_are_equal_if_type_and_content_are(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = load_contracts(write(tmp_path / "a", GOOD))["sample"]
    same = load_contracts(write(tmp_path / "b", GOOD))["sample"]
    assert first == same and hash(first) == hash(same) and len({first, same}) == 1
    write(tmp_path / "b", {**GOOD, "x-version": 2})
    assert first != load_contracts(tmp_path / "b")["sample"]
    assert first != "sample" and first.facts == Facts(None, None, False)


def test_an_envelope_may_do_without_required_fields_but_not_without_the_rest(tmp_path: Path) -> None:
    folder, file = tmp_path / "contracts", tmp_path / "envelope.yaml"
    folder.mkdir()
    write(folder, GOOD)
    envelope = yaml.safe_load(ENVELOPE_FILE.read_text())
    del envelope["required"]
    file.write_text(yaml.safe_dump(envelope, sort_keys=False))
    assert not any(each.required for each in load_contracts(folder, file).envelope)
    for key in ("$schema", "title", "description", "type", "properties"):
        file.write_text(yaml.safe_dump({name: each for name, each in envelope.items() if name != key}, sort_keys=False))
        with pytest.raises(ContractError) as raised:
            load_contracts(folder, file)
        assert str(raised.value) == f"{file}: top level: {key} is missing"
    file.write_text(yaml.safe_dump({**envelope, "x-topic": "events"}, sort_keys=False))
    with pytest.raises(ContractError) as raised:
        load_contracts(folder, file)
    allowed = "$schema, title, description, type, properties, required"
    assert str(raised.value) == f"{file}: x-topic: is not known; allowed are {allowed}"


@pytest.mark.parametrize(
    "name",
    ["raw_event", "topic", "topic_id", "partition", "offset", "kafka_timestamp", "event_date", "batch_id", "entry_id"],
)
def test_no_field_may_have_the_name_of_a_tables_own_column(tmp_path: Path, name: str) -> None:
    document = copy.deepcopy(GOOD)
    document["properties"][name] = {"type": "string", "description": "x"}
    file = write(tmp_path, document) / "sample.yaml"
    words = "is a column of every event table; take another name"
    assert refused(tmp_path) == f"{file}: properties.{name}: {words}"


@pytest.mark.parametrize("table", ["daily_event_counts", "daily_item_sales", "player_item_changes", "player_inventory"])
def test_no_event_table_may_have_the_name_of_a_table_of_the_rollup(tmp_path: Path, table: str) -> None:
    file = write(tmp_path, {**GOOD, "x-table": table}) / "sample.yaml"
    assert refused(tmp_path) == f"{file}: x-table: {table} is a table that the rollup writes; take another name"


def test_a_list_in_a_list_of_fields_and_a_number_without_end_are_refused_like_all_else(tmp_path: Path) -> None:
    file = write(tmp_path, {**GOOD, "required": [["size"]]}) / "sample.yaml"
    assert refused(tmp_path) == f"{file}: required: ['size'] is not in properties"
    document = copy.deepcopy(GOOD)
    field(type="number", maximum=10**400)(document)
    write(tmp_path, document)
    words = "it must be of the field's type, number"
    assert refused(tmp_path) == f"{file}: properties.odd.maximum: is {10**400}; {words}"
