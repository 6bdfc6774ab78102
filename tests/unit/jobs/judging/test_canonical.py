"""Events as the API writes them are read in one go, to the same end as with the closer look; nothing else passes for one."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession

from api.events import EventMaker
from api.sender import Sender
from jobs.judging import canonical, checks
from lakehouse.contract.model import Contracts
from tests.agreement.everything import BREAKING, KEEPING, contracts_with_everything
from tests.unit.jobs.messages import CONTRACTS, EXAMPLES, MAX_BYTES, NOW, batch_of, collected, event_id

VALID = [path for path in EXAMPLES if path.parent.name == "valid"]
SENDER = Sender(
    "Player 1", "user1.comcast.com", "Mozilla/5.0 (X11)", "*/*", {"X-Trace": "a", "X-Who": "Ünal, \U0001f5e1"}
)
QUOTING = Sender("Player 1", None, None, None, {"Sec-Ch-Ua": '"Chromium";v="110"', "X-Path": "C:\\games\\new\tone"})


def as_the_api_writes(event: dict[str, Any], sender: Sender = SENDER) -> bytes:
    make = EventMaker(CONTRACTS, MAX_BYTES, now=lambda: NOW, new_id=event_id).for_request(sender)
    return make(event).value


def example(path: Path) -> dict[str, Any]:
    return {"event_type": path.parent.parent.name, **json.loads(path.read_text())["event"]}


def types_of(spark: SparkSession, values: list[bytes], contracts: Contracts = CONTRACTS) -> list[str | None]:
    """For each message the event type that was read in one go, if it was."""
    found = canonical.read(batch_of(spark, values), contracts, "true").orderBy("offset")
    return [row[0] for row in found.select(canonical.TYPE).collect()]


def judged(spark: SparkSession, values: list[bytes], contracts: Contracts) -> list[Row]:
    batch = batch_of(spark, values)
    frame = checks.judge(batch, None, contracts, max_event_bytes=MAX_BYTES, header_rules={})
    return collected(frame)


def differences(
    spark: SparkSession, values: list[bytes], patch: pytest.MonkeyPatch, contracts: Contracts = CONTRACTS
) -> list[tuple[bytes, str, Any, Any]]:
    """Message, column and both values wherever it makes a difference whether canonical events are read in one go."""
    ones = judged(spark, values, contracts)
    read = canonical.read

    def none(frame: DataFrame, contracts: Contracts, readable: str) -> DataFrame:
        return read(frame, contracts, "false")

    with patch.context() as patched:
        patched.setattr(canonical, "read", none)
        others = judged(spark, values, contracts)
    return [
        (bytes(one.value), name, one[name], other[name])
        for one, other in zip(ones, others, strict=True)
        for name in one.asDict()
        if repr(one[name]) != repr(other[name])  # for Python -0.0 equals 0.0
    ]


def test_of_each_type_events_are_read_in_one_go_as_the_api_writes_them(spark: SparkSession) -> None:
    types = types_of(spark, [as_the_api_writes(example(path)) for path in VALID])
    assert {name for name in types if name} == set(CONTRACTS)
    assert types.count(None) < len(types) / 3  # escapes, a client's own numbers, fields that no contract knows


ORDERS = [
    {"event_type": "purchase_horse", "speed": 1.5, "size": "small", "quantity": 2},
    {"quantity": 2, "size": "small", "speed": 1, "event_type": "purchase_horse"},
    {
        "size": "small",
        "occurred_at": "2026-11-22T09:00:00Z",
        "event_type": "purchase_horse",
        "speed": 0.0,
        "quantity": 0,
    },
    {"event_type": "purchase_sword"},
    {"items": [], "action": "add", "event_type": "cart_action"},
]


@pytest.mark.parametrize("sender", [SENDER, QUOTING], ids=["plain headers", "headers with quotes"])
def test_in_whatever_order_a_client_sends_fields(spark: SparkSession, sender: Sender) -> None:
    values = [as_the_api_writes(event, sender) for event in ORDERS]
    assert types_of(spark, values) == [event["event_type"] for event in ORDERS]


def test_it_comes_to_the_same_end_as_the_closer_look(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    values = [as_the_api_writes(example(path), sender) for path in VALID for sender in (SENDER, QUOTING)]
    assert differences(spark, values, monkeypatch) == []


HORSE = as_the_api_writes(ORDERS[0]).decode()
CART = as_the_api_writes(
    {"event_type": "cart_action", "action": "add", "items": [{"item_type": "sword", "item": "oak", "quantity": 2}]}
).decode()


def replaced(old: str, new: str, text: str = HORSE) -> bytes:
    assert old in text
    return text.replace(old, new, 1).encode()


OTHERS = {
    "a number as text": replaced('"speed":1.5', '"speed":"1.5"'),
    "a text as number": replaced('"size":"small"', '"size":1'),
    "a whole number as text": replaced('"quantity":2', '"quantity":"2"'),
    "a whole number with a point": replaced('"quantity":2', '"quantity":2.0'),
    "a number that is none": replaced('"speed":1.5', '"speed":NaN'),
    "a number that never ends": replaced('"speed":1.5', '"speed":1e999'),
    "true as number": replaced('"speed":1.5', '"speed":true'),
    "an object as number": replaced('"speed":1.5', '"speed":{}'),
    "an object as text": replaced('"player":"Player 1"', '"player":{"a":"b"}'),
    "null": replaced('"size":"small"', '"size":null'),
    "a field twice": replaced('"quantity":2', '"quantity":2,"quantity":2'),
    "another value first": replaced('"quantity":2', '"quantity":3,"quantity":2'),
    "another type behind": replaced("}}", '},"event_type":"purchase_sword"}'),
    "a header twice": replaced('"X-Trace":"a"', '"X-Trace":"a","X-Trace":"a"'),
    "a header that is a number": replaced('"X-Trace":"a"', '"X-Trace":1'),
    "headers that are a text": replaced('"http_headers":{', '"http_headers":"{}","x":{'),
    "a field that no contract knows": replaced('"quantity":2', '"quantity":2,"color":"red"'),
    "fields in another order": replaced('"speed":1.5,"size":"small"', '"size":"small","speed":1.5'),
    "a blank": replaced('"quantity":2', '"quantity": 2'),
    "a tail": HORSE.encode() + b"}",
    "a blank tail": HORSE.encode() + b" ",
    "no end": HORSE[:-1].encode(),
    "single quotes": replaced('"small"', "'small'"),
    "single quotes around quotes": replaced('"host":"user1.comcast.com"', """"host":'a","player":"b'"""),
    "an escape": replaced("small", "sm\\u0061ll"),
    "an escaped quote": replaced("user1", 'us\\"er1'),
    "half a character": replaced("user1", "\\ud800"),
    "a noncharacter": replaced("user1", "\ufdd0"),
    "a line end inside a text": replaced("user1", "a\nb"),
    "no UTF-8": HORSE.encode().replace(b"user1", b"\xff\xfe"),
    "a mark of byte order": b"\xef\xbb\xbf" + HORSE.encode(),
    "another id": replaced('"event_id":"', '"event_id":"0'),
    "a time that is none": replaced("2026-11-22T10:00", "2026-11-31T10:00"),
    "a time with a blank": replaced("2026-11-22T10:00", "2026-11-22 10:00"),
    "a negative number": replaced('"quantity":2', '"quantity":-2'),
    "another size": replaced("small", "Small"),
    "a required field less": replaced('"size":"small",', ""),
    "no player's name": replaced('"player":"Player 1"', '"player":""'),
    "a version of 0": replaced('"schema_version":2', '"schema_version":0'),
    "a leading zero": replaced('"quantity":2', '"quantity":02'),
    "minus zero, as a fraction": replaced('"speed":1.5', '"speed":-0.0'),
    "minus zero": replaced('"quantity":2', '"quantity":-0'),
    "a number of 128 bits": replaced('"quantity":2', '"quantity":99999999999999999999'),
    "an item that is null": replaced('"items":[', '"items":[null,', CART),
    "an item that is a text": replaced('"items":[', '"items":["a",', CART),
    "an item without its name": replaced('"item":"oak",', "", CART),
    "an item with more": replaced('"item":"oak"', '"item":"oak","more":1', CART),
    "an item with null": replaced('"item":"oak"', '"item":null', CART),
    "no items": replaced('"quantity":2', '"quantity":0', CART),
    "an object for items": replaced('"items":[', '"items":{"a":[', CART).replace(b"]", b"]}"),
}


HORSE_ID = json.loads(HORSE)["event_id"]
SAME_END = {
    "a header that is null": replaced('"X-Trace":"a"', '"X-Trace":null'),
    "an id in capitals": replaced(HORSE_ID, HORSE_ID.upper()),
    "an id in capitals, some of them digits": replaced(HORSE_ID, HORSE_ID[:19].upper() + "9ABC" + HORSE_ID[23:]),
    "an id and a line end": replaced(HORSE_ID, HORSE_ID + "\\n"),
    "an id and a line's separator": replaced(HORSE_ID, HORSE_ID + "\u2028"),
    "an id and an escaped line end": replaced(HORSE_ID, HORSE_ID + "\\u000a"),
}


@pytest.fixture(scope="module")
def read_in_one_go(spark: SparkSession) -> Iterator[dict[str, str | None]]:
    yield dict(zip(OTHERS, types_of(spark, list(OTHERS.values())), strict=True))


def test_the_messages_that_others_are_made_of_are_canonical(spark: SparkSession) -> None:
    assert types_of(spark, [HORSE.encode(), CART.encode()]) == ["purchase_horse", "cart_action"]


@pytest.mark.parametrize("what", OTHERS)
def test_no_other_message_passes_for_one(read_in_one_go: dict[str, str | None], what: str) -> None:
    assert read_in_one_go[what] is None


def test_all_others_come_to_the_same_end(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    values = [*OTHERS.values(), *SAME_END.values()]
    assert differences(spark, values, monkeypatch) == []


def test_whatever_is_changed_in_a_message_it_comes_to_the_same_end(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(5)
    values = []
    for _ in range(600):
        value = bytearray(chance.choice([HORSE, CART]).encode())
        for _ in range(chance.choice([1, 1, 2])):
            at = chance.randrange(len(value))
            value[at : at + chance.choice([0, 1, 1, 4])] = chance.choice(
                [
                    b"",
                    b'"',
                    b"\\",
                    b"}",
                    b"{",
                    b"[",
                    b"]",
                    b",",
                    b":",
                    b" ",
                    b"0",
                    b"1",
                    b"a",
                    b"null",
                    b"-",
                    b".",
                    b"\xc3",
                ]
            )
        values.append(bytes(value))
    assert 20 < sum(each is not None for each in types_of(spark, values)) < 300
    assert differences(spark, values, monkeypatch) == []


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> Contracts:
    """The project's contracts, and one that uses every keyword."""
    return contracts_with_everything(tmp_path_factory.mktemp("contracts"))


def everything(own: str) -> bytes:
    start = f'{{"event_id":"{event_id()}","event_type":"everything",' + (f"{own}," if own else "")
    return f'{start}"schema_version":1,"player":"p"}}'.encode()


def test_whatever_a_contract_says_events_that_keep_it_are_read_in_one_go(
    spark: SparkSession, contracts: Contracts, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = [everything(own) for own in KEEPING]
    assert types_of(spark, values, contracts) == ["everything"] * len(values)
    assert differences(spark, values, monkeypatch, contracts) == []


def test_whatever_a_contract_says_no_other_event_passes_for_one_that_keeps_it(
    spark: SparkSession, contracts: Contracts, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = [everything(own) for own in BREAKING]
    found = zip(BREAKING, types_of(spark, values, contracts), strict=True)
    assert [own for own, event_type in found if event_type] == []
    assert differences(spark, values, monkeypatch, contracts) == []
