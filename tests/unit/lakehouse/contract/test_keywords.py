"""The validator: its order, its idea of types, and that it agrees with a JSON Schema library."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from lakehouse.contract import patterns
from lakehouse.contract.decode import is_text
from lakehouse.contract.evaluate import Fields, own_fields
from lakehouse.contract.keywords import VALUE_KEYWORDS, Check, breaks, checks
from lakehouse.contract.load import load_contracts
from lakehouse.settings import CHECKOUT

CONTRACTS = load_contracts(CHECKOUT / "contracts")


def broken(schema: dict[str, Any], value: Any) -> str | None:
    found = Fields({"field": schema}, ()).faults({"field": value})
    return found[0].keyword if found else None


def test_checks_come_in_the_order_of_fields_and_then_of_keywords() -> None:
    found = [
        (each.field, each.keyword)
        for each in checks(CONTRACTS["cart_action"].schema["properties"], ["action", "items"])
    ]
    assert found == [
        ("action", "required"), ("action", "type"), ("action", "enum"),
        ("items", "required"), ("items", "type"), ("items", "type"),
        ("items.item_type", "required"), ("items.item_type", "type"),
        ("items.item_type", "minLength"), ("items.item_type", "maxLength"),
        ("items.item", "required"), ("items.item", "type"), ("items.item", "minLength"), ("items.item", "maxLength"),
        ("items.quantity", "required"), ("items.quantity", "type"), ("items.quantity", "minimum"),
        ("items.quantity", "maximum"),
    ]  # fmt: skip


def test_keywords_of_a_field_are_checked_in_their_fixed_order() -> None:
    schema = {
        "type": "string",
        "format": "uuid",
        "pattern": "^a$",
        "maxLength": 1,
        "minLength": 3,
        "const": "x",
        "enum": ["y"],
    }
    order = []
    while (keyword := broken(schema, "ab")) is not None:
        order.append(keyword)
        del schema[keyword]
    assert order == ["enum", "const", "minLength", "maxLength", "pattern", "format"]
    assert order == [keyword for keyword in VALUE_KEYWORDS if keyword in order]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("string", ["", "a", "🗡", "\x00"], [1, True, None, [], {}, "\ud800", "a\udfffb"]),
        (
            "integer",
            [0, -(2**63), 2**63 - 1, 1.0, -0.0, 1e18],
            [2**63, -(2**63) - 1, 2.0**63, 1.5, True, "1", None, 1e999],
        ),
        ("number", [0, 1, -1.5, 1e308, 2**63, 10**308], [1e999, -1e999, float("nan"), 10**400, True, "1", None]),
        ("boolean", [True, False], [0, 1, "true", None]),
        ("array", [[], [None]], [{}, "[]", None]),
        ("object", [{}], [[], "{}", None]),
    ],
)
def test_a_type_takes_its_values_and_no_others(kind: str, good: list[Any], bad: list[Any]) -> None:
    assert [value for value in good if broken({"type": kind}, value) is not None] == []
    assert [value for value in bad if broken({"type": kind}, value) != "type"] == []


def test_null_is_a_value_only_where_the_type_lists_it() -> None:
    assert broken({"type": "string"}, None) == "type"
    assert broken({"type": ["string", "null"], "minLength": 1, "pattern": "^a$"}, None) is None
    assert broken({"type": ["string", "null"], "minLength": 1}, "") == "minLength"


def test_lengths_count_characters_and_not_bytes_or_surrogates() -> None:
    assert broken({"type": "string", "maxLength": 2}, "🗡🗡") is None
    assert broken({"type": "string", "minLength": 2}, "🗡") == "minLength"


def test_numbers_are_compared_as_their_column_holds_them() -> None:
    assert broken({"type": "integer", "enum": [1, 2]}, 1.0) is None
    assert broken({"type": "number", "const": 1}, 1.0) is None
    assert broken({"type": "number", "maximum": 2**53}, 2**53 + 1) is None  # the nearest double is the maximum
    assert broken({"type": "integer", "maximum": 2**53}, 2**53 + 1) == "maximum"


def test_a_pattern_must_match_the_whole_value() -> None:
    schema = {"type": "string", "pattern": "^a|b$"}
    assert [value for value in ("a", "b", "ab", "a\n", "xb", "") if broken(schema, value) is None] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("2026-11-22T10:00:00Z", True),
        ("2026-11-22T10:00:00.1+18:00", True),
        ("0001-01-01T00:00:00.123456789-00:00", True),
        ("2024-02-29T23:59:59Z", True),
        ("9999-12-31T23:59:59.999999999Z", True),
        ("9999-12-31T23:59:59.999999999+00:01", True),
        ("9999-12-31T23:59:59.999999999-00:01", False),
        ("9999-12-31T23:59:59.999999999-18:00", False),
        ("9999-12-31T05:59:59.999999999-18:00", True),
        ("0001-01-01T00:00:00+18:00", False),
        ("0001-01-01T17:59:59.999999999+18:00", False),
        ("0001-01-01T18:00:00+18:00", True),
        ("2026-02-29T23:59:59Z", False),
        ("2026-11-31T00:00:00Z", False),
        ("0000-01-01T00:00:00Z", False),
        ("2026-11-22T24:00:00Z", False),
        ("2026-11-22T23:59:60Z", False),
        ("2026-11-22 10:00:00Z", False),
        ("2026-11-22T10:00:00", False),
        ("2026-11-22T10:00Z", False),
        ("2026-11-22T10:00:00z", False),
        ("2026-11-22T10:00:00+18:01", False),
        ("2026-11-22T10:00:00+0100", False),
        ("2026-11-22T10:00:00.Z", False),
        ("2026-11-22T10:00:00Z\n", False),
        ("٢٠٢٦-11-22T10:00:00Z", False),
        ("", False),
    ],
)
def test_date_time(text: str, good: bool) -> None:
    assert broken({"type": "string", "format": "date-time"}, text) == (None if good else "format")


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("01a203c5-c5b4-754c-8f5e-2800feb738cc", True),
        ("01A203C5-C5B4-754C-8F5E-2800FEB738CC", True),
        ("00000000-0000-0000-0000-000000000000", True),
        ("01a203c5c5b4754c8f5e2800feb738cc", False),
        ("{01a203c5-c5b4-754c-8f5e-2800feb738cc}", False),
        ("urn:uuid:01a203c5-c5b4-754c-8f5e-2800feb738cc", False),
        ("01a203c5-c5b4-754c-8f5e-2800feb738cg", False),
        ("01a203c5-c5b4-754c-8f5e-2800feb738cc\n", False),
    ],
)
def test_uuid(text: str, good: bool) -> None:
    assert broken({"type": "string", "format": "uuid"}, text) == (None if good else "format")


@pytest.mark.parametrize(
    "pattern",
    [
        "^$",
        "^a$",
        "^[^A-Z]*$",
        "^[a-z_][a-z0-9_-]*$",
        r"^a\.b\\c$",
        "^(?:a|b){1,3}$",
        "^(a)?b{2}$",
        "^[äö€🗡]+$",
        "^(?:a{0,9}b)?$",
    ],
)
def test_a_pattern_of_the_safe_subset_is_taken(pattern: str) -> None:
    patterns.check(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "a", "^a", "a$", "^", "^.$", r"^\d$", r"^\w+$", r"^\s$", r"^\bx$", r"^\p{L}$", "^a$|^b$", "^a^$", "^a+?$",
        "^a*+$", "^(?=a)$", "^(?!a)$", "^(?<n>a)$", "^(?P<n>a)$", r"^(a)\1$", "^(?i)a$", "^[a&&b]$", "^[a[b]]$",
        "^[[:alpha:]]$", "^[]$", "^[z-a]$", "^a{$", "^a}$", "^a{,3}$", "^a{3,1}$", "^]$", "^*a$", "^a**$", "^(a$",
        "^a)$", "^(?:ab|c)*$", "^(ab)+$", "^(ab){2,}$",
        "^(a+)+$", "^(?:a*)*$", "^(a|b?){1,9}c+d+$", "^a*b*$", "^(?:a{1,9}){1,9}$", "^a{1,5000}$", "^a\\$",
        r"^\n$", r"^[\w]$", "^(?#x)$", "^[a~~b]$",
    ],
)  # fmt: skip
def test_a_pattern_that_engines_read_differently_or_slowly_is_refused(pattern: str) -> None:
    with pytest.raises(patterns.PatternError):
        patterns.check(pattern)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
    st.sampled_from(["small", "increase", "join", "checkout", "red", "Red", 0, 1, -1, 2.0]),
)
VALUES = st.one_of(
    SCALARS,
    st.lists(
        st.one_of(SCALARS, st.dictionaries(st.sampled_from(["item_type", "item", "quantity"]), SCALARS)), max_size=3
    ),
)


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(st.sampled_from(sorted(CONTRACTS)), st.data())
def test_it_agrees_with_a_json_schema_library(event_type: str, data: st.DataObject) -> None:
    contract = CONTRACTS[event_type]
    names = [*contract.schema["properties"], "unknown"]
    event = data.draw(st.dictionaries(st.sampled_from(names), VALUES))
    assert (not own_fields(contract).faults(event)) == Draft202012Validator(contract.schema).is_valid(event)


def first_fault(schema: dict[str, Any], required: tuple[str, ...], event: dict[str, Any]) -> tuple[str, str] | None:
    faults = Fields(schema, required).faults(event)
    return (faults[0].field, faults[0].keyword) if faults else None


def test_what_is_no_keyword_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError) as raised:
        breaks(Check(("a",), "items", None, {"type": "string"}))
    assert str(raised.value) == "items is no keyword that is checked; see VALUE_KEYWORDS"


def test_a_field_inside_objects_and_arrays_is_named_by_its_path_without_steps_of_arrays() -> None:
    inner = {"type": "object", "properties": {"b": {"type": ["string", "null"], "minLength": 2}}, "required": ["b"]}
    schema = {"a": {"type": "array", "items": {"type": "array", "items": inner}}}
    for value, found in (
        ([[]], None),
        ([[{"b": None}], [{"b": "xx"}]], None),
        ([[{"b": "xx"}], [{}]], ("a.b", "required")),
        ([[{"b": "xx"}], [{"b": "x"}]], ("a.b", "minLength")),
        ([[{"b": "xx"}], [{"b": 1}]], ("a.b", "type")),
        ([[{"b": "xx"}], {}], ("a", "type")),
        ([[{"b": "xx"}], None], ("a", "type")),
        ([[None]], ("a", "type")),
    ):
        assert first_fault(schema, (), {"a": value}) == found, value
    optional = {
        "o": {"type": ["object", "null"], "properties": {"b": {"type": "integer", "maximum": 3}}, "required": ["b"]}
    }
    for event, found in (
        ({}, None),
        ({"o": None}, None),
        ({"o": {"b": 3.0}}, None),
        ({"o": {"b": 4}}, ("o.b", "maximum")),
        ({"o": {}}, ("o.b", "required")),
        ({"o": {"b": None}}, ("o.b", "type")),
    ):
        assert first_fault(optional, (), event) == found, event


def test_bounds_and_lengths_count_their_ends_in() -> None:
    for schema, good, bad in (
        ({"type": "integer", "minimum": 2}, 2, 1),
        ({"type": "integer", "maximum": 2}, 2, 3),
        ({"type": "number", "minimum": 0.5}, 0.5, 0.25),
        ({"type": "number", "maximum": 0.5}, 0.5, 0.75),
        ({"type": "string", "minLength": 2}, "ab", "a"),
        ({"type": "string", "maxLength": 2}, "ab", "abc"),
        ({"type": "string", "enum": ["a", "b"]}, "b", "c"),
        ({"type": ["string", "null"], "enum": ["a", None]}, None, "b"),
        ({"type": "boolean", "const": True}, True, False),
        ({"type": "integer", "const": 2}, 2.0, 3),
        (
            {"type": "string", "format": "uuid"},
            "01900000-0000-7000-8000-00000000000F",
            "01900000-0000-7000-8000-00000000000",
        ),
    ):
        assert broken(schema, good) is None, schema
        assert broken(schema, bad) in schema, schema


def test_a_text_of_ascii_or_of_whole_characters_is_one() -> None:
    assert [is_text(value) for value in ("a", "é", "\ufdd0", "é\udfff", "\ud800", b"a", None)] == [True] * 3 + [
        False
    ] * 4


def test_a_required_field_that_is_missing_comes_before_what_is_wrong_behind_it() -> None:
    schema = {"a": {"type": "string"}, "b": {"type": "string"}}
    assert first_fault(schema, ("b",), {"a": "x"}) == ("b", "required")
    assert first_fault(schema, ("b",), {"a": 1}) == ("a", "type")
    assert first_fault(schema, ("b",), {"b": "x", "c": 1}) is None


def test_each_check_has_what_its_keyword_says_and_the_schema_of_its_field() -> None:
    schema = {"type": ["string", "null"], "maxLength": 3}
    assert checks({"a": schema}, ["a"]) == [
        Check(("a",), "required", True, schema),
        Check(("a",), "type", "string", schema),
        Check(("a",), "maxLength", 3, schema),
    ]
