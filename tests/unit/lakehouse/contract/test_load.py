"""The loader: what the contracts of this checkout give, and each kind of contract that it refuses."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse.contract.load import load_contracts
from lakehouse.contract.model import ContractError
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
