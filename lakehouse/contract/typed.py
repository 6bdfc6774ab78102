"""The fast path: decodes a message that keeps its contract, written plainly, straight into a struct of its event type.

It names no reason. A message that it does not accept, for whatever cause, is judged by lakehouse/contract/judge.py. A
message that it accepts must be one that the judge would pass with the same values. So it may leave good messages to the
judge, but never accepts a bad one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC
from typing import Annotated, Any, Literal, Union

import msgspec
import orjson

from lakehouse.contract import event_id as event_ids
from lakehouse.contract import patterns
from lakehouse.contract.decode import MAX_NAME_UNITS
from lakehouse.contract.evaluate import own_fields
from lakehouse.contract.judge import JUDGED_APART
from lakehouse.contract.keywords import INT64_MAX, INT64_MIN, VALUE_KEYWORDS, Check, Schema, breaks, json_type, nullable
from lakehouse.contract.model import Contract, Contracts

_UUID7_LOWER = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z"
# A time in UTC on a day that its month has in every year, with at most the digits of a microsecond: all readers agree
# on it.
PLAIN_TIME = (
    r"^(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|"
    r"(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?Z$"
)


Matches = Callable[[str], object]  # true if the text matches


class FastDecoder:
    """The contracts as structs of msgspec. A contract with a field that no struct can check is left out."""

    def __init__(self, contracts: Contracts, max_event_bytes: int) -> None:
        structs = {}
        self._matches: dict[type, list[tuple[str, Matches]]] = {}
        for contract in contracts.values():
            try:
                struct = _event(contract, contracts)
            except NotImplementedError:  # only the judge reads its events
                continue
            structs[contract.event_type] = struct
            self._matches[struct] = [
                ("event_id", re.compile(_UUID7_LOWER).match),
                *_matches(contract, contracts),
            ]
        self.structs: Mapping[str, type[msgspec.Struct]] = structs
        # A message that is no larger than the longest allowed name has no name that is too long.
        self._max_bytes = min(max_event_bytes, MAX_NAME_UNITS)
        union = Union[tuple(structs.values())] if structs else None  # noqa: UP007
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(union).decode

    def event(self, value: bytes | None, appended_at: int | None) -> Any:
        """The struct of an event, or None.

        Its attributes are event_id and the fields of envelope and contract; times are texts in the form of PLAIN_TIME.
        Its class is one of `structs`. `appended_at` is as for `Judge.message`.
        """
        if value is None or appended_at is None or len(value) > self._max_bytes or not self.structs:
            return None
        try:
            event = self._decode(value)
            # A text equal to what orjson writes has no name twice, no blanks, no tail and no number that was rounded.
            if orjson.dumps(orjson.loads(value)) != value:
                return None
        except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
            return None
        for name, match in self._matches[type(event)]:
            text = getattr(event, name)
            if text is not None and not match(text):
                return None
        return event if event_ids.is_near(event.event_id, appended_at) else None


def _properties(contract: Contract, contracts: Contracts) -> dict[str, Schema]:
    """All fields that an event of the type can have, except the two that are judged apart."""
    all_of_them = {**contracts.envelope_schema["properties"], **contract.schema["properties"]}
    return {name: schema for name, schema in all_of_them.items() if name not in JUDGED_APART}


def _matches(contract: Contract, contracts: Contracts) -> Iterator[tuple[str, Matches]]:
    """The fields that have to match a pattern or a format. msgspec would take twice as long, and not in linear time."""
    for name, schema in _properties(contract, contracts).items():
        if "enum" in schema or "const" in schema:
            continue
        if "pattern" in schema:
            yield name, patterns.matcher(schema["pattern"])
        if "format" in schema:
            form = PLAIN_TIME if schema["format"] == "date-time" else patterns.UUID
            yield name, re.compile(_searched(form)).match


def _event(contract: Contract, contracts: Contracts) -> type[msgspec.Struct]:
    required = {*contracts.envelope_schema.get("required", ()), *contract.schema.get("required", ())}
    defaults = own_fields(contract).read({})[0]
    fields: list[tuple[Any, ...]] = [("event_id", str)]
    for name, schema in _properties(contract, contracts).items():
        kind = _type(schema, has_default=defaults.get(name) is not None, top=True)
        fields.append((name, kind) if name in required else (name, kind, _plain_default(defaults.get(name))))
    return msgspec.defstruct(
        f"Event_{contract.event_type}",
        fields,
        tag_field="event_type",
        tag=contract.event_type,
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
    )


def _plain_default(value: Any) -> Any:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if hasattr(value, "astimezone") else value


def _type(schema: Schema, *, has_default: bool = False, top: bool = False) -> Any:
    kind = json_type(schema)
    if kind == "array":
        found: Any = list[_type(schema["items"])]  # type: ignore[misc]
    elif kind == "object":
        found = _object(schema)
    elif schema.get("format") == "date-time" and not top:
        raise NotImplementedError("no struct can check this field")
    else:
        found = _scalar(kind, schema, top)
    # In the table a null becomes the default value; a struct cannot express that.
    return Union[found, None] if nullable(schema) and not has_default else found  # noqa: UP007


def _object(schema: Schema) -> Any:
    properties = schema.get("properties")
    if not properties:
        return dict[str, str]
    required = schema.get("required", ())
    fields: list[tuple[Any, ...]] = [
        (name, _type(each)) if name in required else (name, _type(each), None) for name, each in properties.items()
    ]
    return msgspec.defstruct("Object", fields, kw_only=True, forbid_unknown_fields=True, gc=False)


def _scalar(kind: str, schema: Schema, top: bool) -> Any:
    listed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if listed is not None:
        return _listed(kind, schema, listed)
    low, high = schema.get("minimum"), schema.get("maximum")
    if kind == "integer":
        least, most = INT64_MIN if low is None else low, INT64_MAX if high is None else high
        return Annotated[int, msgspec.Meta(ge=least, le=most)]
    if kind == "number":
        return Annotated[
            float,
            msgspec.Meta(ge=None if low is None else float(low), le=None if high is None else float(high)),
        ]
    if kind == "boolean":
        return bool
    if "pattern" in schema and not top:
        raise NotImplementedError("no struct can check this field")
    return Annotated[
        str,
        msgspec.Meta(
            min_length=schema.get("minLength"),
            max_length=schema.get("maxLength"),
            pattern=_searched(patterns.UUID) if "format" in schema and not top else None,
        ),
    ]


def _listed(kind: str, schema: Schema, listed: list[Any]) -> Any:
    """The values of an enum or const that keep all other keywords of the field."""
    others = [breaks(Check(("",), each, schema[each], schema)) for each in VALUE_KEYWORDS if each in schema]
    left = [each for each in listed if each is not None and not any(is_broken(each) for is_broken in others)]
    if kind not in ("string", "integer") or schema.get("format") == "date-time" or not left:
        raise NotImplementedError("no struct can check this field")
    return Literal[tuple(left)]


def _searched(pattern: str) -> str:
    """A pattern `^...$` written so that `re.search`, which msgspec uses, matches the whole text, line ends included."""
    return rf"\A(?:{patterns.inner(pattern)})\Z"
