"""Decodes the bytes of a message into a JSON value, or gives the reason code why they are none."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from lakehouse.contract.nesting import MAX_DEPTH

# Limits of the JSON readers that read raw_event later: a name in UTF-16 units, a number in digits.
MAX_NAME_UNITS = 50_000
MAX_NUMBER_DIGITS = 1_000
# JSON's escapes can write a lone surrogate, which is no character. A column shows this character in its place.
HALF_CHARACTER = "\ufdd0"

_HALF = re.compile("[\ud800-\udfff]")
_EXACT_AS_DOUBLE = 2.0**53  # from here on two whole numbers can have the same double
# Everything but brackets: strings, even one that does not end, and the text between them.
_NO_BRACKETS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[^\[\]{}"]++', re.DOTALL)


class Unreadable(Exception):
    """A message that is no JSON value within the limits; `reason` is its reason code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def decode(value: bytes | None, max_bytes: int) -> Any:
    """The value of a message as Python's json module decodes it, with two differences.

    A lone surrogate in a name becomes HALF_CHARACTER. A number that no double holds exactly may be a `Decimal`.

    Raises:
        Unreadable: `no_value`, `too_large`, `not_utf8`, `too_deep` or `not_json`, the first of them that applies. Two
            equal names in one object, NaN, a byte order mark and any text after the value are no JSON.
    """
    if value is None:
        raise Unreadable("no_value")
    if len(value) > max_bytes:
        raise Unreadable("too_large")
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("not_utf8") from None
    if is_too_deep(value):
        raise Unreadable("too_deep")
    is_plain = len(value) <= MAX_NUMBER_DIGITS and b"\\u" not in value
    try:
        return (_PLAIN_DECODER if is_plain else _DECODER).decode(text)
    except ValueError:
        raise Unreadable("not_json") from None


def is_too_deep(value: bytes) -> bool:
    """Whether a text, be it JSON or not, has objects and arrays nested deeper than MAX_DEPTH.

    It counts the brackets outside of strings. No parser, which recurses, sees a text before this check.
    """
    few = MAX_DEPTH // 2
    if value.count(b"{") <= few and value.count(b"[") <= few:
        return False
    level = 0
    for bracket in _NO_BRACKETS.sub(b"", value):
        level += 1 if bracket in b"[{" else -1
        if level > MAX_DEPTH:
            return True
    return False


def is_name_too_long(value: Any) -> bool:
    """Whether any object in the value has a name beyond the limit. The value is nested at most MAX_DEPTH deep."""
    level = [value]
    while level:
        inner: list[Any] = []
        for each in level:
            if type(each) is dict:
                if any(map(_is_long, each)):
                    return True
                inner += each.values()
            elif type(each) is list:
                inner += each
        level = [each for each in inner if type(each) in (dict, list)]
    return False


def whole_text(text: str) -> str:
    """The text with HALF_CHARACTER in place of each lone surrogate, so that UTF-8 can encode it."""
    return text if text.isascii() else _HALF.sub(HALF_CHARACTER, text)


def is_text(value: Any) -> bool:
    """Whether it is a string without lone surrogates, such as the escape \\ud800 gives."""
    return type(value) is str and (value.isascii() or _HALF.search(value) is None)


def _is_long(name: str) -> bool:
    # A character beyond U+FFFF is two units, so a name of at most half as many characters cannot be too long.
    return len(name) > MAX_NAME_UNITS // 2 and len(name.encode("utf-16-le", "surrogatepass")) > 2 * MAX_NAME_UNITS


def _plain_object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    if any(_is_long(name) for name, _ in pairs):
        raise ValueError("a name is too long")
    return _plain_object([(whole_text(name), value) for name, value in pairs])


def _integer(digits: str) -> int:
    if len(digits) > MAX_NUMBER_DIGITS and len(digits.lstrip("-")) > MAX_NUMBER_DIGITS:
        raise ValueError("a number is too long")
    return int(digits)


def _fraction(text: str) -> float | Decimal:
    if len(text) > MAX_NUMBER_DIGITS and sum(map(str.isdigit, text)) > MAX_NUMBER_DIGITS:
        raise ValueError("a number is too long")
    found = float(text)
    if _EXACT_AS_DOUBLE <= abs(found) < float("inf") and (exact := Decimal(text)) != found:
        return exact
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


# Enough for a message too short for a long name or number, and without escapes that could write a lone surrogate.
_PLAIN_DECODER = json.JSONDecoder(object_pairs_hook=_plain_object, parse_float=_fraction, parse_constant=_no_constant)
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_fraction, parse_constant=_no_constant
)
