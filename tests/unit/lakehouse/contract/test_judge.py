"""The evaluator: which bytes are a value, what an event says, and all that is wrong with it."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

import pytest

from lakehouse.contract.decode import (
    HALF_CHARACTER,
    MAX_NAME_UNITS,
    MAX_NUMBER_DIGITS,
    Unreadable,
    decode,
    is_name_too_long,
    is_too_deep,
)
from lakehouse.contract.evaluate import Fault, Fields, as_json, as_text, own_fields
from lakehouse.contract.judge import Judge, Judgement
from lakehouse.contract.load import load_contracts
from lakehouse.settings import CHECKOUT
from tests.agreement.levels import levels

CONTRACTS = load_contracts(CHECKOUT / "contracts")
MAX_BYTES = 262_144
JUDGE = Judge(CONTRACTS, MAX_BYTES)
APPENDED_AT = 1_795_341_600_000_000  # 2026-11-22T10:00:00Z
ID = "01a202b2-c500-75c9-ba8f-00fb6eb5cf60"


def reason(value: bytes | None, max_bytes: int = MAX_BYTES) -> str | None:
    try:
        decode(value, max_bytes)
    except Unreadable as unreadable:
        return unreadable.reason
    return None


def deep(levels: int, begin: str = '{"a":', end: str = "}") -> bytes:
    return (begin * levels + "1" + end * levels).encode()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "no_value"),
        (b"{}" + b" " * MAX_BYTES, "too_large"),
        (b"\xff", "not_utf8"),
        (b'"\xed\xa0\x80"', "not_utf8"),
        (b'"\xc0\x80"', "not_utf8"),
        (deep(65), "too_deep"),
        (deep(65)[:-1], "too_deep"),
        (b"[" * 100_000, "too_deep"),
        (deep(64), None),
        (b"", "not_json"),
        (b" ", "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b"{} {}", "not_json"),
        (b"{},", "not_json"),
        (b"{}\x00", "not_json"),
        (b"{}\xc2\xa0", "not_json"),
        (b" \t\r\n{}\n", None),
        (b"NaN", "not_json"),
        (b"-Infinity", "not_json"),
        (b'["\\u0041",NaN]', "not_json"),
        (b"01", "not_json"),
        (b"'a'", "not_json"),
        (b'"\n"', "not_json"),
        (b'"\\x41"', "not_json"),
        (b'{"a":1,"a":1}', "not_json"),
        (b'[{"a":{"b":1,"b":2}}]', "not_json"),
        (b'{"\\ud800":1,"\\udfff":2}', "not_json"),
        (b'{"\\u0061":1,"a":2}', "not_json"),
        (b"1e400", None),
        (b"9" * MAX_NUMBER_DIGITS, None),
        (b"-" + b"9" * MAX_NUMBER_DIGITS, None),
        (b"9" * (MAX_NUMBER_DIGITS + 1), "not_json"),
        (b"1." + b"9" * MAX_NUMBER_DIGITS, "not_json"),
        (b'{"%s":1}' % (b"a" * MAX_NAME_UNITS), None),
        (b'{"%s":1}' % (b"a" * (MAX_NAME_UNITS + 1)), "not_json"),
        (b'[{"%s":1}]' % ("🗡".encode() * (MAX_NAME_UNITS // 2 + 1)), "not_json"),
    ],
)
def test_bytes_are_one_value_or_have_a_reason(value: bytes | None, expected: str | None) -> None:
    assert reason(value) == expected


def test_the_first_reason_that_applies_is_given() -> None:
    assert reason(b"\xff" + b"[" * 70, 70) == "too_large"
    assert reason(b"\xff" + b"[" * 70) == "not_utf8"


def test_half_characters_in_names_are_shown_by_a_noncharacter() -> None:
    assert decode(b'{"a\\ud800":"\\ud83d\\udde1"}', MAX_BYTES) == {f"a{HALF_CHARACTER}": "🗡"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9007199254740993.0", Decimal("9007199254740993.0")),
        ("9007199254740992.0", 2.0**53),
        ("1e400", float("inf")),
        ("1e-400", 0.0),
        ("1.5", 1.5),
        ("9" * 400, 10**400 - 1),
    ],
)
def test_a_number_loses_nothing_that_a_column_can_hold(text: str, value: Any) -> None:
    found = decode(text.encode(), MAX_BYTES)
    assert (type(found), found) == (type(value), value)


def test_whatever_a_text_is_its_levels_are_counted_as_one_by_one() -> None:
    dice = random.Random(16)
    texts = ["[" * 33 + "".join(dice.choices('[{[{[{[{]}"\\a:,', k=dice.randrange(400))) for _ in range(2_000)]
    wanted = [levels(text) > 64 for text in texts]
    assert 200 < sum(wanted) < 1_800
    assert [is_too_deep(text.encode()) for text in texts] == wanted


@pytest.mark.parametrize(
    "text", ["[" * MAX_BYTES, '{"a":' * 50_000, '["' + '\\"[' * 80_000, "[" * 40 + '"' + "\\\\" * 100_000]
)
def test_no_text_is_too_much(text: str) -> None:
    assert reason(text.encode()) in ("too_deep", "not_json")


def test_long_names_are_found_wherever_they_are() -> None:
    long = "n" * (MAX_NAME_UNITS + 1)
    assert all(map(is_name_too_long, [{long: 1}, {"a": {long: 1}}, {"a": [1, [{"b": {long: []}}]]}]))
    assert not any(map(is_name_too_long, [{long[1:]: 1}, [long], {"a": long}, {}, None]))


FIELDS = Fields(CONTRACTS["cart_action"].schema["properties"], ["action", "items"])


def test_every_fault_is_named_once_in_the_order_of_the_checks() -> None:
    items = [{"item_type": "", "item": "x" * 101}, {"item_type": 5, "quantity": 0}, None, {"quantity": "1", "item": ""}]
    assert FIELDS.faults({"items": items}) == [
        Fault("action", "required"),
        Fault("items", "type"),
        Fault("items.item_type", "required"),
        Fault("items.item_type", "type"),
        Fault("items.item_type", "minLength"),
        Fault("items.item", "required"),
        Fault("items.item", "minLength"),
        Fault("items.item", "maxLength"),
        Fault("items.quantity", "required"),
        Fault("items.quantity", "type"),
        Fault("items.quantity", "minimum"),
    ]


def test_below_a_broken_check_nothing_else_is_asked() -> None:
    assert FIELDS.faults({"action": 5, "items": {}}) == [Fault("action", "type"), Fault("items", "type")]


def test_what_keeps_its_type_is_there_and_what_does_not_is_null() -> None:
    values, faults = own_fields(CONTRACTS["purchase_sword"]).read({"quantity": -1.0, "color": "Red", "direction": 5})
    assert values == {"direction": None, "event_detail": None, "color": "Red", "quantity": -1}
    assert type(values["quantity"]) is int
    assert len(faults) == 3


@pytest.mark.parametrize("more", [{}, {"minLength": 1}, {"pattern": "^a$"}])
def test_a_null_is_a_value_where_the_type_lists_it_and_nothing_else_is(more: dict[str, Any]) -> None:
    fields = Fields({"a": {"type": ["string", "null"], **more}}, ())
    assert fields.read({"a": None}) == ({"a": None}, [])
    assert fields.read({"a": 5}) == ({"a": None}, [Fault("a", "type")])


def test_a_zero_below_zero_is_a_zero() -> None:
    values, _ = own_fields(CONTRACTS["purchase_horse"]).read({"speed": -0.0, "size": "small", "quantity": -0.0})
    assert [repr(values[name]) for name in ("speed", "quantity")] == ["0.0", "0"]


def test_a_default_stands_for_an_absent_value_and_for_a_null() -> None:
    fields = Fields({"a": {"type": ["integer", "null"], "default": 7}, "b": {"type": "number", "default": 1}}, ())
    assert fields.read({}) == ({"a": 7, "b": 1.0}, [])
    assert fields.read({"a": None}) == ({"a": 7, "b": 1.0}, [])
    assert fields.read({"b": None}) == ({"a": 7, "b": 1.0}, [Fault("b", "type")])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\ud800", f"a{HALF_CHARACTER}"),
        (None, None),
        (True, "true"),
        (1.0, "1"),
        (-0.0, "0"),
        (1.5, "1.5"),
        (1e22, "1" + "0" * 22),
        (1e-6, "0.000001"),
        (float("inf"), "Infinity"),
        (10**30, "1" + "0" * 30),
        (Decimal("9007199254740993.0"), "9007199254740993"),
        ({"b": [1.50, None, "q\"\u2028"], "a": {}}, '{"a":{},"b":[1.5,null,"q\\"\u2028"]}'),
    ],
)  # fmt: skip
def test_what_is_no_text_is_written_as_json(value: Any, text: str | None) -> None:
    assert as_text(value) == text
    if text is not None and not isinstance(value, str):
        assert as_json(value) == text


def judge(**event: Any) -> Judgement:
    given = {"event_id": ID, "event_type": "guild_action", "action": "join", "player": "p", **event}
    return JUDGE.message(json.dumps(given).encode(), APPENDED_AT)


def test_a_good_event_has_no_reason_and_all_its_fields() -> None:
    found = judge(guild="g", occurred_at="2026-11-22T10:00:00+01:00", newer=1)
    assert (found.reasons, found.event_type, found.event_id) == ((), "guild_action", ID)
    assert found.own == {"action": "join", "guild": "g"}
    assert found.envelope["occurred_at"].isoformat() == "2026-11-22T09:00:00+00:00"
    assert (found.player, found.unknown_fields) == ("p", ["newer"])


def test_all_reasons_are_given_and_the_first_is_the_one_that_counts() -> None:
    found = judge(event_id="x", action="burn", guild=5, schema_version=0, host=1)
    assert [each.code for each in found.reasons] == [
        "event_id_invalid",
        "schema:schema_version:minimum",
        "schema:host:type",
        "schema:action:enum",
        "schema:guild:type",
    ]
    assert found.reasons[0].field == "event_id"
    assert (found.reasons[3].field, found.reasons[3].rule) == ("action", "enum")


def test_an_unknown_type_is_said_first() -> None:
    found = judge(event_type="nobody_knows", event_id=5, schema_version="1")
    codes = ["unknown_type", "event_id_invalid", "schema:schema_version:type"]
    assert [each.code for each in found.reasons] == codes
    assert (found.event_type, found.event_id, found.contract, found.unknown_fields) == ("nobody_knows", "5", None, None)


def test_the_host_stands_for_a_player_that_is_not_named() -> None:
    assert judge(player=None, host="h").player == "h"
    assert judge(player="", host="h").player == ""
    assert judge(player=5, host="h").player == "5"


@pytest.mark.parametrize("event_id", [ID, ID.upper()])
def test_an_event_id_is_told_in_lower_case(event_id: str) -> None:
    assert (judge(event_id=event_id).event_id, judge(event_id=event_id).reasons) == (ID, ())


WEEK, HOUR = 7 * 86_400_000_000, 3_600_000_000
MADE_AT = int(ID[:8] + ID[9:13], 16) * 1000


@pytest.mark.parametrize(
    ("appended_at", "good"),
    [
        (MADE_AT + WEEK, True),
        (MADE_AT + WEEK + 1, False),
        (MADE_AT - HOUR, True),
        (MADE_AT - HOUR - 1, False),
        (None, False),
    ],
)
def test_an_id_is_of_the_time_of_its_message(appended_at: int | None, good: bool) -> None:
    value = json.dumps({"event_type": "default", "event_id": ID}).encode()
    assert (JUDGE.message(value, appended_at).reasons == ()) == good


@pytest.mark.parametrize(
    "event_id", [ID + "\n", ID[:-1] + "٣", ID[:14] + "4" + ID[15:], ID[:19] + "c" + ID[20:], "", 7, True, []]
)
def test_what_is_no_uuid_of_version_7_is_no_event_id(event_id: Any) -> None:
    assert judge(event_id=event_id).reasons[0].code == "event_id_invalid"
