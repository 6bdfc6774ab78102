"""Reads request bodies: JSON and newline-delimited JSON into items, within limits."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from api.problems import Problem
from lakehouse.contract import nesting

JSON_TYPES = ("application/json",)
LINES_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonlines")
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
_MOST_DIGITS = 1000  # of a number; readers of JSON stop at different lengths, the strictest at this one


@dataclass(frozen=True)
class Unreadable:
    """An item that is no JSON, or exceeds a limit of the readers.

    It gets its own place in the answer, as any other item.
    """

    detail: str
    rule: str = "json"


def read_items(request: Request, max_items: int) -> list[Any]:
    """The items of a body: the elements of a JSON array, the lines of NDJSON, or the one object.

    Raises:
        Problem: the body is of another type, too big, or holds no item.
    """
    kind = _media_type(request, (*JSON_TYPES, *LINES_TYPES))
    data = _data(request)
    items = _read_fast(data, kind in LINES_TYPES)
    if items is None:
        text = _text(data)
        items = _lines(text) if kind in LINES_TYPES else _whole_or_lines(text)
    if len(items) > max_items:
        raise Problem(
            413, "Too many events", f"The body has {len(items)} events, allowed are {max_items}; send several."
        )
    if all(isinstance(item, Unreadable) for item in items):
        first = items[0] if items else Unreadable("it holds no event")
        raise _unreadable("JSON or lines of JSON", first)
    return items


def read_object(request: Request, max_bytes: int) -> dict[str, Any]:
    """A body that is one JSON object. A request without a body counts as the empty object.

    Raises:
        Problem: the body is no JSON object.
    """
    _media_type(request, JSON_TYPES)
    request.max_content_length = max_bytes
    text = _text(_data(request))
    value = _parsed(text) if text.strip() else {}
    if not isinstance(value, dict):
        raise _unreadable(
            "one JSON object", value if isinstance(value, Unreadable) else Unreadable("it is JSON of another kind")
        )
    return value


def _unreadable(wanted: str, why: Unreadable) -> Problem:
    return Problem(400, "Unreadable body", f"The body must be {wanted}: {why.detail}.", field="", rule=why.rule)


def _media_type(request: Request, allowed: tuple[str, ...]) -> str:
    """The media type that the client named. It may be absent: small clients send none."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(415, "Unsupported Media Type", "Send the body without Content-Encoding.")
    if request.mimetype and request.mimetype not in allowed:
        raise Problem(415, "Unsupported Media Type", f"Send the body as {' or '.join(allowed)}.")
    return request.mimetype


def _data(request: Request) -> bytes:
    data = request.get_data(cache=False)
    limit = request.max_content_length
    if request.content_length is None and limit is not None and len(data) >= limit:
        raise RequestEntityTooLarge  # a body of unknown length is cut off at the limit without a word
    return data


def _text(data: bytes) -> str:
    """The body as text.

    Bytes that are no UTF-8 become lone surrogates, so that only the lines that hold them are refused.
    """
    return data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")


def _read_fast(data: bytes, lines: bool) -> list[Any] | None:
    """The items as orjson reads them; None if the standard library would read the body in another way.

    orjson rounds whole numbers of more than 64 bits. It refuses lone surrogates and infinite numbers.
    """
    if _LONG_NUMBER.search(data):
        return None
    try:
        if lines:
            return [orjson.loads(line) for line in data.split(b"\n") if line.strip()]
        value = orjson.loads(data)
        return value if isinstance(value, list) else [value]
    except orjson.JSONDecodeError:
        return None


def _whole_or_lines(text: str) -> list[Any]:
    value = _parsed(text)
    if isinstance(value, list):
        return value
    if isinstance(value, Unreadable) and "\n" in text.strip():
        return _lines(text)
    return [value] if text.strip() else []


def _lines(text: str) -> list[Any]:
    return [_parsed(line) for line in text.split("\n") if line.strip()]


def _parsed(text: str) -> Any:
    if any("\udc80" <= character <= "\udcff" for character in ("" if text.isascii() else text)):
        return Unreadable("it is not UTF-8")
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_int=_integer)
    except json.JSONDecodeError as error:
        return Unreadable(f"{error.msg} at line {error.lineno} column {error.colno}")
    except RecursionError:
        return Unreadable(nesting.deepest_allowed("it"), nesting.RULE)
    except ValueError as error:
        return Unreadable(str(error))


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MOST_DIGITS else float("inf")
