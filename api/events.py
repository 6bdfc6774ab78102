"""Makes the Kafka message of an event, or names the field and the rule for which it is rejected."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
import uuid_utils

from api.sender import Sender
from lakehouse.contract import event_id as event_ids
from lakehouse.contract import nesting
from lakehouse.contract.decode import MAX_NAME_UNITS, is_name_too_long
from lakehouse.contract.evaluate import Fields, own_fields
from lakehouse.contract.keywords import checks
from lakehouse.contract.message_form import CLIENT_FIELDS, in_order
from lakehouse.contract.model import Contract, Contracts

_UNKNOWN = (None, Fields({}, ()))


class Rejected(Exception):
    """An event that is rejected: which field breaks which rule. The field is empty if the whole event breaks it."""

    def __init__(self, field: str, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field
        self.rule = rule
        self.detail = detail


class Message(NamedTuple):
    """One Kafka message, and what the answer and the metrics need of it."""

    topic: str
    key: bytes
    value: bytes
    event_id: str
    event_type: str


def utc_now() -> datetime:
    """The API's clock."""
    return datetime.now(UTC)


def new_event_id() -> str:
    """A UUIDv7 of now."""
    return str(uuid_utils.uuid7())


class EventMaker:
    """Turns items into messages; `now` and `new_id` are handed in for tests."""

    def __init__(
        self,
        contracts: Contracts,
        max_event_bytes: int,
        *,
        now: Callable[[], datetime] = utc_now,
        new_id: Callable[[], str] = new_event_id,
    ) -> None:
        properties = contracts.envelope_schema["properties"]
        self.contracts = contracts
        self._max_event_bytes = max_event_bytes
        self._now = now
        self._new_id = new_id
        self._known: dict[str, tuple[Contract | None, Fields]] = {
            name: (contract, own_fields(contract)) for name, contract in contracts.items()
        }
        self._order = {name: [field.name for field in in_order(each, contracts)] for name, each in contracts.items()}
        self._client_fields = Fields({name: properties[name] for name in CLIENT_FIELDS}, ["event_type"])
        self._optional = frozenset(CLIENT_FIELDS) - {"event_type"}
        self._api_fields = frozenset(properties) - frozenset(CLIENT_FIELDS)

    def for_request(self, sender: Sender) -> Callable[[Any], Message]:
        """A maker for one request. All of its events were received now, from this sender."""
        now = self._now()
        received_at = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
        told = {"received_at": received_at, **sender.envelope()}
        told_json, key = orjson.dumps(told)[1:], sender.player.encode()

        def message(item: Any) -> Message:
            """Checks an item (event_type, own fields, what a client may set of the envelope) and completes it.

            Raises:
                Rejected: the item breaks its contract or a limit.
            """
            if not isinstance(item, dict):
                raise Rejected("", "type", "an event is a JSON object")
            deep = nesting.too_deep_field(item)
            if deep is not None:
                shown = _shown(deep)
                raise Rejected(shown, nesting.RULE, nesting.deepest_allowed(f"the event, in {shown},"))
            contract = self._check(item, now)
            event_id = item["event_id"].lower() if "event_id" in item else self._new_id()
            version = item.get("schema_version", contract.version)
            event = {**item, "event_id": event_id, "schema_version": version}
            value = self._joined(_sorted(event, self._order[contract.event_type]), told_json)
            if len(value) > MAX_NAME_UNITS and is_name_too_long([event, told]):
                raise Rejected("", "json", f"a name in the event has more than the {MAX_NAME_UNITS} characters allowed")
            return Message(contract.topic, key, value, event_id, contract.event_type)

        return message

    def _check(self, item: Mapping[str, Any], now: datetime) -> Contract:
        event_type = item.get("event_type")
        contract, own = self._known.get(event_type if type(event_type) is str else "", _UNKNOWN)
        if contract is None or not self._optional.isdisjoint(item):
            for field, keyword in self._client_fields.faults(item):
                raise Rejected(field, keyword, f"{field} breaks {keyword} of the envelope; see /openapi.json")
        if contract is None:
            raise Rejected("event_type", "enum", f"event_type must be one of {', '.join(self.contracts)}")
        if not self._api_fields.isdisjoint(item):
            name = next(name for name in item if name in self._api_fields)
            raise Rejected(name, "envelope", f"{name} is set by the API; leave it out")
        if "event_id" in item:
            self._check_id(item["event_id"], now)
        for field, keyword in own.faults(item):
            raise Rejected(field, keyword, explain(contract, field, keyword))
        return contract

    def _check_id(self, event_id: str, now: datetime) -> None:
        made = event_ids.made_at(event_id)
        if made is None:
            raise Rejected("event_id", "format", "event_id must be a UUIDv7")
        if not event_ids.in_time(made, now):
            raise Rejected(
                "event_id",
                "time",
                "event_id must be made within 7 days before and 1 hour after now, both less 5 minutes for clocks that differ",
            )

    def _joined(self, own: Mapping[str, Any], told_json: bytes) -> bytes:
        """The event's JSON: its own fields, then the end of a JSON object with what the API says of it."""
        try:
            own_json = orjson.dumps(own)
            if b"null" in own_json:  # orjson writes null for NaN and infinity too
                own_json = _json(own)
        except (ValueError, TypeError):  # orjson writes no whole number above 64 bits
            try:
                own_json = _json(own)
            except ValueError:  # NaN or infinity, in a field that no contract knows
                raise Rejected(*_not_json(own)) from None
        value = own_json[:-1] + b"," + told_json
        if len(value) > self._max_event_bytes:
            raise Rejected(
                "",
                "max_bytes",
                f"the event has {len(value)} bytes with its envelope, allowed are {self._max_event_bytes}",
            )
        return value


def _sorted(event: Mapping[str, Any], order: Sequence[str]) -> dict[str, Any]:
    """The event's fields in the given order, all others behind them."""
    known = {name: event[name] for name in order if name in event}
    return known if len(known) == len(event) else known | {n: event[n] for n in event if n not in known}


def explain(contract: Contract, field: str, keyword: str) -> str:
    """The broken rule in words."""
    check = next(
        each
        for each in checks(contract.schema["properties"], contract.schema.get("required", ()))
        if (each.field, each.keyword) == (field, keyword)
    )
    argument = check.argument
    match keyword:
        case "required":
            return f"{field} is missing"
        case "type":
            return f"{field} must be {_TYPES[argument]}"
        case "enum":
            return f"{field} must be one of {', '.join(str(value) for value in argument)}"
        case "const":
            return f"{field} must be {argument}"
        case "minimum" | "maximum":
            return f"{field} must be at {'least' if keyword == 'minimum' else 'most'} {argument}"
        case "minLength" | "maxLength":
            return f"{field} must have at {'least' if keyword == 'minLength' else 'most'} {argument} characters"
        case _:
            return f"{field} must be of the {keyword} {argument}"


_TYPES = {
    "string": "a text of Unicode characters",
    "integer": "a whole number of 64 bits",
    "number": "a finite number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


def _json(value: Any) -> bytes:
    """The JSON by the standard library, which is slower than orjson.

    It writes numbers of any size and refuses NaN and infinity.
    """
    return _ENCODER.encode(value).encode("utf-8")


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _not_json(event: Mapping[str, Any]) -> tuple[str, str, str]:
    """The first field that JSON in UTF-8 cannot carry, with the rule and the reason."""
    for name, value in event.items():
        try:
            _json({name: value})
        except ValueError:
            shown = _shown(name)
            return shown, "type", f"{shown} holds what JSON in UTF-8 cannot: a number too big, or half a character"
    raise AssertionError("an event whose fields JSON can carry one by one could not be written")


def _shown(name: str) -> str:
    """A field's name for an answer. A lone surrogate becomes a question mark."""
    return name.encode("utf-8", "replace").decode()
