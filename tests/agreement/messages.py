"""Messages to judge: every example as it is written, and random changes of it, from wrong values to broken bytes."""

from __future__ import annotations

import datetime as dt
import json
import random
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lakehouse.settings import CHECKOUT
from tests.agreement.everything import BREAKING, KEEPING, PLAIN

APPENDED_AT = dt.datetime(2026, 11, 22, 10, 0, tzinfo=dt.UTC)
EXAMPLES = sorted((CHECKOUT / "tests" / "examples").glob("*/*/*.json"))
_MILLISECOND = dt.timedelta(milliseconds=1)

Pairs = list[tuple[str, Any]]  # an object, in which a name may be there twice


class Written(str):
    """A value as it stands in a message, be it JSON or not."""


NUMBERS = [
    "0", "-0", "-0.0", "0e5", "-0e0", "1", "-1", "1.0", "1.5", "1e0", "1E2", "10e-1", "15e-1", "1e400", "-1e400",
    "1e-400", "7",
    "2147483647", "2147483648", "1000000000000", "1000000000001", "1e12", "1.000000000001e12", "9007199254740993",
    "9007199254740993.0", "9007199254740992.5", "9007199254740993.5", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "-9223372036854775809", "9223372036854775807.0", "9223372036854775808.0",
    "9.223372036854775807e18",
    "99999999999999999999", "123456789012345678901234567890123456789012", "9" * 310, "1" + "0" * 400, "9" * 1000,
    "9" * 1001,
    "0.1234567890123456789", "0.30000000000000004", "123456789012345678.5", "1.7976931348623157e308", "5e-324",
    "0." + "0" * 45 + "1",
    "1.0000000000000000001", "0.99999999999999999999", "01", "1.", ".5", "+1", "-", "1e", "1e+", "0x10", "1_000",
    "1f", "--1",
    "NaN", "Infinity", "-Infinity", "nan", "0" * 1000, "0." + "3" * 999, "0." + "3" * 1001, "1e" + "0" * 998 + "1",
]  # fmt: skip
TEXTS = [
    '""', '"a"', '"abcd"', '" "', '"é"', '"É"', '"🗡"', '"red"', '"Red"', '"increase"', '"reduce"', '"join"',
    '"small"', '"checkout"',
    '"add"', '"1"', '"5"', '"true"', '"null"', '"\\u0000"', '"\\n"', '"a\\n"', '"a\\u000a"', '"a\nb"', '"\x01"',
    '"\x7f"', '"\t"',
    '"\\ud800"', '"\\udfff"', '"\\ud83d\\udde1"', '"\\udde1\\ud83d"', '"\\ud800\\ud800\\udc00"',
    '"\\ud800\\udc00\\udc00"',
    '"\\\\ud800"', '"\\\\\\ud800"', '"\\uD800x"', '"\\ud83d\\\\udde1"', '"\\u12"', '"\\ug000"', '"\\x41"', "\"\\'\"",
    '"\\/"',
    '"\\b\\f\\r\\t\\"\\\\"', '"\u2028"', '"\ufeff"', '"\ufffe"', '"\uffff"', '"\U0010ffff"', '"\ufdd1"', '"\x85"',
    "'a'", "a", '"a',
    '"' + "x" * 100 + '"', '"' + "x" * 101 + '"', '"' + "🗡" * 100 + '"', '"' + "🗡" * 101 + '"',
    '"0190163D-8694-739b-aea5-966c26f8ad91"', '"0190163D-8694-739b-aea5-966c26f8ad91\\n"',
    '"00000000-0000-0000-0000-000000000000"',
]  # fmt: skip
NONCHARACTERS = ['"\ufdd0"', '"\\ufdd0"', '"a\\uFDD0b"']
TIMES = [
    f'"{text}"'
    for text in (
        "2026-11-22T10:00:00Z", "2026-11-22T10:00:00.1+18:00", "2026-11-22T10:00:00.123456789+01:00",
        "0001-01-01T00:00:00-00:00",
        "2024-02-29T23:59:59Z", "2026-02-29T23:59:59Z", "1900-02-29T00:00:00Z", "2000-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999-00:01", "9999-12-31T05:59:59.9999999-18:00",
        "0001-01-01T00:00:00+18:00", "0001-01-01T18:00:00+18:00", "0001-01-01T17:59:59.999999999+18:00",
        "1582-10-10T00:00:00Z",
        "0000-01-01T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T23:59:60Z", "2026-11-22 10:00:00Z",
        "2026-11-22T10:00:00",
        "2026-11-22T10:00Z", "2026-11-22T10:00:00z", "2026-11-22t10:00:00Z", "2026-11-22T10:00:00+18:01",
        "2026-11-22T10:00:00+0100",
        "2026-11-22T10:00:00.Z", "2026-11-22T10:00:00,5Z", "20261122T100000Z", "2026-W47-7T10:00:00Z",
        "2026-11-22T10:00:00Z\\n",
        "2026-11-22T10:00:00.999999999Z", "2026-11-22T10:00:00.9999995Z", "2026-11-22", "1", "٢٠٢٦-11-22T10:00:00Z",
        "10000-01-01T00:00:00Z",
        "1883-11-18T12:00:00.000001Z", "1969-12-31T23:59:59.9999999Z", "2026-11-22T10:00:00-17:59",
        "2026-11-22T10:00:00.123Z",
    )
]  # fmt: skip
OTHERS = [
    "null", "true", "false", "[]", "{}", "[null]", "[[]]", "[1,2]", '["a"]', '{"a":null}', '{"a":1,"a":2}',
    '{"a":{"a":1,"a":1}}',
    '{"":""}', '{"a":{"b":[1,{"c":null}]}}',
    '{"a":"1","b":2,"c":true,"d":1.50,"e":[1.5,"x"],"f":{"z":1,"y":"\\ud800"}}',
    '{"\\ud800":1,"\\ud801":2}', '{"\\ud800":"\\ud800"}', "nul", "True", "tru e", "[1,]", '{"a":1,}', "{,}", "[",
    "{", "]", "}",
    '{"a" 1}', "{a:1}", "/* */1", "1 2", "", '[{"item_type":"sword","item":"oak","quantity":1}]',
    '[{"item_type":"","item":"oak"}]',
    '[{"item_type":"sword","item":"oak","quantity":1.0,"more":{"deep":[]}},{"quantity":1e13}]',
    '[{"item":null}, null, 5]',
    '{"item_type":"sword"}', '[[{"a":[]}],"]"]',
]  # fmt: skip
NAMES = [
    "event_id", "event_type", "schema_version", "received_at", "occurred_at", "player", "host", "user_agent",
    "accept", "http_headers",
    "action", "items", "quantity", "color", "speed", "size", "direction", "event_detail", "guild", "text", "item",
    "item_type",
    "newer_field", "Ünknown", "🗡", "", " ", "a.b", "$", "event_Id", "unknown\\u0020name", "\\ud800",
    "event\\u005fid", "x\ty", "'",
    "n" * 200,
]  # fmt: skip
LONG_NAMES = ["n" * 50_000, "n" * 50_001, "🗡" * 25_000, "🗡" * 25_001, "é" * 50_001]
TYPES = [
    "default", "purchase_sword", "purchase_horse", "guild_action", "cart_action", "message", "request_group",
    "accept_member",
    "decline_member", "everything", "anything", "nobody_knows", "Default", "",
]  # fmt: skip
BYTES = [
    b"", b'"', b"\\", b"}", b"{", b"[", b"]", b",", b":", b" ", b"\n", b"\r\n", b"\x00", b"0", b"1", b"a", b"null",
    b"-", b".", b"e",
    b"\xc3", b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\\u", b"\\ud800", b"//",
    b"\x85", b"\xc2\xa0",
]  # fmt: skip


def uuid7(at: dt.datetime, dice: random.Random, version: int = 7) -> str:
    """A UUID of that time."""
    milliseconds = (at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // _MILLISECOND
    number = milliseconds << 80 | version << 76 | dice.getrandbits(12) << 64 | 0b10 << 62 | dice.getrandbits(62)
    return str(uuid.UUID(int=number))


class Messages:
    """An endless stream of messages; equal seeds give equal ones."""

    def __init__(self, seed: int, max_bytes: int) -> None:
        self.dice = random.Random(seed)
        self._max_bytes = max_bytes
        self._examples = [(path.parent.parent.name, _own_of(path)) for path in EXAMPLES]
        self._examples += [("everything", _pairs_of("{" + own + "}")) for own in KEEPING + BREAKING]
        self._examples += [("anything", _pairs_of("{" + own + "}")) for own in PLAIN]

    def examples(self) -> list[bytes | None]:
        """Every example once, as a client of Kafka and as the API would write it."""
        return [
            _written(pairs(event_type, own)).encode()
            for pairs in (self._beginning, self._as_the_api)
            for event_type, own in self._examples
        ]

    def take(self, count: int) -> list[bytes | None]:
        """The next messages."""
        return [self._next() for _ in range(count)]

    def items(self, count: int) -> list[bytes]:
        """Items of requests, as clients of the API may send them: fewer changes, for most are to be accepted."""
        dice = self.dice
        found = []
        for _ in range(count):
            event = self._beginning(*dice.choice(self._examples))
            event = [pair for pair in event if pair[0] != "event_id" or dice.random() < 0.5]
            for _ in range(dice.choice([0, 1, 1, 2])):
                event = dice.choice(self._changes)(self, event)
            found.append(self._otherwise(_written(event, dice.choice(["", " ", "\n\t "]))).encode())
        return found

    def header(self) -> str:
        """A header's value as a WSGI server hands it over."""
        text = self.dice.choice(TEXTS + NONCHARACTERS)
        try:
            value = json.loads(text, strict=False)
        except ValueError:
            value = text
        return str(value).encode("utf-8", "surrogatepass").decode("latin-1")

    def _next(self) -> bytes | None:
        dice = self.dice
        kind = dice.random()
        if kind < 0.01:
            return dice.choice(
                [None, b"", b"junk", b"null", b"[1]", b"x" * (self._max_bytes + 1), b" " * self._max_bytes]
            )
        event_type, own = dice.choice(self._examples)
        make = dice.choice([self._beginning, self._as_the_api, self._as_the_api])
        event = make(event_type, own)
        for _ in range(dice.choice([0, 0, 1, 1, 1, 2, 3])):
            event = dice.choice(self._changes)(self, event)
        plain = dice.random() < 0.6
        text = _written(event) if plain else self._otherwise(_written(event, dice.choice(["", " ", "\n\t "])))
        value = text.encode()
        for _ in range(dice.choice([0, 0, 0, 0, 0, 0, 0, 0, 1, 2])):
            value = self._broken(value)
        return value

    def _beginning(self, event_type: str, own: Pairs) -> Pairs:
        return [("event_type", Written(f'"{event_type}"')), ("event_id", Written(f'"{self._id()}"')), *own]

    def _as_the_api(self, event_type: str, own: Pairs) -> Pairs:
        headers = [("X-Trace", Written('"a"')), ("X-Who", Written('"Ünal, 🗡 \\"q\\""'))]
        told: list[tuple[str, Any]] = [
            ("schema_version", Written("1")),
            ("received_at", Written('"2026-11-22T09:59:59.123456Z"')),
            ("player", Written('"Player 1"')),
            ("host", Written('"user1.comcast.com"')),
            ("user_agent", Written('"Mozilla/5.0"')),
            ("accept", Written('"*/*"')),
            ("http_headers", headers),
        ]
        given = dict(own)
        start = [("event_id", Written(f'"{self._id()}"')), ("event_type", Written(f'"{event_type}"'))]
        return [*start, *own, *(each for each in told if each[0] not in given)]

    def _id(self) -> str:
        return uuid7(APPENDED_AT - dt.timedelta(seconds=self.dice.randrange(3_000)), self.dice)

    def _value(self) -> Written:
        chance = self.dice.random()
        if chance < 0.01:
            return Written(self.dice.choice(NONCHARACTERS))
        if chance < 0.03:
            return Written(self._deep())
        return Written(self.dice.choice(self.dice.choice([NUMBERS, TEXTS, TIMES, OTHERS])))

    def _deep(self) -> str:
        begin, end = self.dice.choice([('{"a":', "}"), ("[", "]"), ('[{"b":', "}]")])
        levels = self.dice.choice([61, 62, 63, 64, 65, 900]) // len(end)
        return begin * levels + "1" + end * levels

    def _name(self) -> str:
        return self.dice.choice(LONG_NAMES) if self.dice.random() < 0.003 else self.dice.choice(NAMES)

    # --- changes of an event

    def _drop(self, event: Pairs) -> Pairs:
        at = self._at(event)
        return event[:at] + event[at + 1 :]

    def _rename(self, event: Pairs) -> Pairs:
        at = self._at(event)
        return event[:at] + [(self._name(), event[at][1])] + event[at + 1 :] if event else event

    def _twice(self, event: Pairs) -> Pairs:
        at = self._at(event)
        return self._put(event, event[at][0], self.dice.choice([event[at][1], self._value()])) if event else event

    def _other_value(self, event: Pairs) -> Pairs:
        at = self._at(event)
        return event[:at] + [(event[at][0], self._value())] + event[at + 1 :] if event else event

    def _add(self, event: Pairs) -> Pairs:
        return self._put(event, self._name(), self._value())

    def _other_order(self, event: Pairs) -> Pairs:
        return self.dice.sample(event, len(event))

    def _inside(self, event: Pairs) -> Pairs:
        """A change within one of the objects and arrays of the event."""
        places = [at for at, (_, value) in enumerate(event) if isinstance(value, list) and value]
        if not places:
            return event
        at = self.dice.choice(places)
        name, value = event[at]
        if isinstance(value[0], tuple):
            return event[:at] + [(name, self.dice.choice(self._changes)(self, value))] + event[at + 1 :]
        element = self.dice.randrange(len(value))
        inner = value[element]
        changed = self._inside([("", inner)])[0][1] if isinstance(inner, list) and inner else self._value()
        return event[:at] + [(name, value[:element] + [changed] + value[element + 1 :])] + event[at + 1 :]

    def _other_type(self, event: Pairs) -> Pairs:
        named = Written(f'"{self.dice.choice(TYPES)}"')
        return [(name, named if name == "event_type" else value) for name, value in event]

    def _other_id(self, event: Pairs) -> Pairs:
        dice = self.dice
        week, hour = dt.timedelta(days=7), dt.timedelta(hours=1)
        at = dice.choice([-week, -week - _MILLISECOND, hour, hour + _MILLISECOND, -2 * week, 0 * hour])
        found = uuid7(APPENDED_AT + at, dice, dice.choice([7, 7, 7, 4]))
        changes: list[Callable[[str], str]] = [
            str, str, str.upper, lambda it: it + "\\n", lambda it: it[:-1], lambda it: it[:19] + "c" + it[20:],
        ]  # fmt: skip
        changed = dice.choice(changes)
        return [(name, Written(f'"{changed(found)}"') if name == "event_id" else value) for name, value in event]

    def _other_time(self, event: Pairs) -> Pairs:
        name = self.dice.choice(["occurred_at", "received_at", "at"])
        value = Written(self.dice.choice(TIMES))
        return [pair for pair in event if pair[0] != name] + [(name, value)]

    _changes = (
        _drop, _rename, _twice, _other_value, _other_value, _other_value, _add, _add, _other_order, _inside, _inside, _inside,
        _other_type, _other_id, _other_time,
    )  # fmt: skip

    def _put(self, event: Pairs, name: str, value: Any) -> Pairs:
        at = self.dice.randrange(len(event) + 1)
        return [*event[:at], (name, value), *event[at:]]

    def _at(self, event: Pairs) -> int:
        return self.dice.randrange(len(event)) if event else 0

    # --- changes of what is written

    def _otherwise(self, text: str) -> str:
        """The same characters, some of them escaped; outside of strings that breaks the JSON."""
        if self.dice.random() < 0.5:
            return text
        letters = [at for at, letter in enumerate(text) if letter.isalnum() and letter not in "0123456789tfnu\\bre"]
        for at in sorted(self.dice.sample(letters, min(2, len(letters))), reverse=True):
            code = text[at].encode("utf-16-be").hex()
            escape = "".join(f"\\u{code[n : n + 4]}" for n in range(0, len(code), 4))
            text = text[:at] + escape + text[at + 1 :]
        return text

    def _broken(self, value: bytes) -> bytes:
        dice = self.dice
        at = dice.randrange(len(value) + 1)
        if dice.random() < 0.15:
            return value[:at]
        return value[:at] + dice.choice(BYTES) + value[at + dice.choice([0, 0, 1, 1, 4]) :]


def _own_of(example: Path) -> Pairs:
    """The own fields of an example as they stand in its file, numbers and escapes untouched."""
    text = example.read_text()
    start = text.index("{", text.index('"event"'))
    _, end = json.JSONDecoder().raw_decode(text, start)
    return _pairs_of(text[start:end])


class _Pairs(list[Any]):
    """Of an object; a list that is none is an array."""


def _pairs_of(text: str) -> Pairs:
    """An object as pairs, in which numbers and texts are Written as they were; half characters are escaped again."""
    reader = json.JSONDecoder(
        object_pairs_hook=_Pairs, parse_int=Written, parse_float=Written, parse_constant=Written, strict=False
    )
    return [(name, _as_written(value)) for name, value in reader.decode(text)]


def _as_written(value: Any) -> Any:
    if isinstance(value, Written):
        return value
    if isinstance(value, _Pairs):
        return [(name, _as_written(each)) for name, each in value] or Written("{}")
    if isinstance(value, list):
        return [_as_written(each) for each in value] or Written("[]")
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        return Written(json.dumps(value))
    return Written(json.dumps(value, ensure_ascii=False))


def _written(value: Any, blank: str = "") -> str:
    if isinstance(value, str):
        return value
    if value and isinstance(value[0], tuple):
        return "{" + ("," + blank).join(f'"{name}"{blank}:{blank}{_written(each, blank)}' for name, each in value) + "}"
    return "[" + ("," + blank).join(_written(each, blank) for each in value) + "]" if isinstance(value, list) else "{}"
