"""Shows that the API accepts only events: sends random items through the API, and its messages through the evaluator.

python -m tests.agreement.accepted --events 100000 --seed 1
"""

from __future__ import annotations

import argparse
import datetime as dt
import tempfile
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from flask import Request

from api import bodies
from api.events import EventMaker, Message, Rejected
from api.problems import Problem
from api.sender import Sender, sender_of, set_host_aside
from lakehouse.contract.judge import Judge
from lakehouse.contract.model import Contracts
from lakehouse.contract.typed import FastDecoder
from tests.agreement.everything import contracts_with_everything
from tests.agreement.messages import APPENDED_AT, Messages, uuid7

MAX_BYTES = 200_000
# How far the broker's clock may be from the API's, the time that a message waits between them included.
CLOCKS_DIFFER = dt.timedelta(minutes=5)
_MICROSECOND = dt.timedelta(microseconds=1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Outcome(NamedTuple):
    """One item: the answer's field and rule if it was rejected; else what was sent, and the reasons against that."""

    item: bytes
    rejected: tuple[str, str] | None
    value: bytes = b""
    reasons: tuple[Any, ...] = ()
    is_fast: bool = False


def outcomes(messages: Messages, count: int, contracts: Contracts) -> Iterator[Outcome]:
    """Sends so many items, each in a request of its own with headers of its own."""
    dice = messages.dice
    judge, fast = Judge(contracts, MAX_BYTES), FastDecoder(contracts, MAX_BYTES)
    maker = EventMaker(contracts, MAX_BYTES, now=lambda: APPENDED_AT, new_id=lambda: uuid7(APPENDED_AT, dice))
    for item in messages.items(count):
        try:
            made = _made(maker, item, _sender(messages))
        except Rejected as rejected:
            yield Outcome(item, (rejected.field, rejected.rule))
            continue
        except Problem as problem:
            yield Outcome(item, (str(problem.more.get("field")), str(problem.more.get("rule"))))
            continue
        late = dice.choice([-CLOCKS_DIFFER, dt.timedelta(0), CLOCKS_DIFFER])
        appended_at = (APPENDED_AT + late - _EPOCH) // _MICROSECOND
        judgement = judge.message(made.value, appended_at)
        yield Outcome(item, None, made.value, judgement.reasons, fast.event(made.value, appended_at) is not None)


def _sender(messages: Messages) -> Sender:
    environ = {
        f"HTTP_{name}": messages.header() if messages.dice.random() < 0.3 else "plain"
        for name in ("HOST", "USER_AGENT", "ACCEPT", "X_PLAYER_ID", "X_TRACE")
    }
    environ["HTTP_HOST"] = environ["HTTP_HOST"] or "h"
    set_host_aside(environ)
    return sender_of(environ)


def _made(maker: EventMaker, item: bytes, sender: Sender) -> Message:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(item)),
        "wsgi.input": BytesIO(item),
    }
    (read,) = bodies.read_items(Request(environ), 1)
    if isinstance(read, bodies.Unreadable):
        raise Rejected("", read.rule, read.detail)
    return maker.for_request(sender)(read)


def main() -> int:
    """Prints what the API said of the items; ends with 1 if it accepted one that is no event."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        contracts = contracts_with_everything(Path(folder))
    said: Counter[str] = Counter()
    wrong = 0
    for each in outcomes(Messages(asked.seed, MAX_BYTES), asked.events, contracts):
        said["accepted" if each.rejected is None else "rejected: " + " ".join(each.rejected)] += 1
        said["accepted, and read the fast way"] += each.is_fast
        if each.reasons:
            wrong += 1
            print(f"NO EVENT {each.reasons}\n  sent {each.value!r:.600}\n  item {each.item!r:.600}")
    for what, count in said.most_common():
        print(f"{count:9,} {what[:100]}")
    print(f"{asked.events:,} items, {wrong} of them accepted and no event")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
