"""From the bytes of a message to the one JSON value that they are, or to the reason why they are none."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from lakehouse.contract.nesting import MAX_DEPTH

# Limits of the readers of JSON that read raw_event later: of a name in UTF-16 units, of a number in digits.
MAX_NAME_UNITS = 50_000
MAX_NUMBER_DIGITS = 1_000
# JSON's escapes can say half of a surrogate pair, which is no character. Where a column has to show one, this stands for it.
HALF_CHARACTER = "\ufdd0"

_HALF = re.compile("[\ud800-\udfff]")
_EXACT_AS_DOUBLE = 2.0**53  # from here on two whole numbers can be one double
# All that is no bracket: strings, also one that does not end, and what stands between them.
_NO_BRACKETS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[^\[\]{}"]++', re.DOTALL)


class Unreadable(Exception):
    """A message that is no JSON value within the limits; `reason` is its reason code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def decode(value: bytes | None, max_bytes: int) -> Any:
    """The value of a message as Python's json module makes it, with these differences.

    Half characters in names become HALF_CHARACTER. A number that no double holds exactly may be a `Decimal`.

    Raises:
        Unreadable: `no_value`, `too_large`, `not_utf8`, `too_deep` or `not_json`, the first of them that applies. Two equal
            names in one object, NaN, a mark of byte order and anything behind the value are no JSON.
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
    """Whether a text, be it JSON or not, has more than MAX_DEPTH objects and arrays within each other.

    Brackets are counted outside of strings, one by one: no reader goes down with them before this said that it may.
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
    """Whether an object in the value, which may be nested MAX_DEPTH deep, has a name beyond the limit."""
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
    """The text with HALF_CHARACTER for each half of a surrogate pair: what UTF-8 can carry."""
    return text if text.isascii() else _HALF.sub(HALF_CHARACTER, text)


def is_text(value: Any) -> bool:
    """A string of Unicode characters; half a surrogate pair, as JSON's \\ud800 gives, is none."""
    return type(value) is str and (value.isascii() or _HALF.search(value) is None)


def _is_long(name: str) -> bool:
    # A character beyond U+FFFF is two units; a name of half as many characters cannot be too long.
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


# For a message that is too short for a long name or number, and has no escape that could say half a character.
_PLAIN_DECODER = json.JSONDecoder(object_pairs_hook=_plain_object, parse_float=_fraction, parse_constant=_no_constant)
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_fraction, parse_constant=_no_constant
)
