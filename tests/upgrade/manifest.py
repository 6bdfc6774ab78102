"""The manifest of a dump: each message that was sent, its state when the dump was made, and where it has to end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.real import Place, Real

DUPLICATE, DISCARDED, ERASED = "duplicate", "discarded", "erased"  # ends that are no place
Message = dict[str, Any]  # place: topic, partition, offset; state: closed, decided, planned or waiting; end


def places_of(messages: Sequence[Message], state: str) -> list[Place]:
    """The places of the messages that were in that state."""
    return [as_place(each) for each in messages if each["state"] == state]


def as_place(message: Message) -> Place:
    topic, partition, offset = message["place"]
    return topic, partition, offset


def check(real: Real, messages: Sequence[Message]) -> None:
    """Each message is in the one place where it has to end, or in none if that is no place; and all invariants hold."""
    found = real.places([as_place(each) for each in messages])
    wrong = {}
    for each in messages:
        expected = [] if each["end"] in (DUPLICATE, DISCARDED, ERASED) else [each["end"]]
        if (there := found[as_place(each)]) != expected:
            wrong[as_place(each)] = (there, expected)
    assert wrong == {}, f"(found, expected) by place: {wrong}"
    real.check_invariants()


def as_text(manifest: Mapping[str, Any]) -> str:
    """JSON with a message a line."""
    rest = json.dumps({name: value for name, value in manifest.items() if name != "messages"}, indent=1)
    lines = ",\n  ".join(json.dumps(each) for each in manifest["messages"])
    return f'{rest[:-2]},\n "messages": [\n  {lines}\n ]\n}}\n'
