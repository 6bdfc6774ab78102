"""Serves POST /v1/events: many events in one request, each with its own outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson
from flask import Flask, Response, request

from api import bodies, logs
from api.events import EventMaker, Message, Rejected
from api.later import Later
from api.metrics import Metrics
from api.problems import Problem, not_acknowledged
from api.publish import Publisher
from api.sender import Sender, sender_of

Outcome = dict[str, str]
_STATUSES = ("accepted", "rejected", "unavailable")


def register(app: Flask, events: EventMaker, publisher: Publisher, metrics: Metrics, max_items: int) -> None:
    """Adds the route."""

    def view() -> Any:  # a Later, of which Flask's types know nothing
        publisher.start()
        sender = sender_of(request.environ)
        noted = logs.noted_in(request.environ)
        items = bodies.read_items(request, max_items)
        made = _made(events, items, sender)
        sent = [each for each in made if isinstance(each, Message)]

        def finish(acknowledged: list[bool]) -> Response:
            outcomes = _outcomes(made, acknowledged)
            counted = _counted(items, made, outcomes, events)
            metrics.count_events(counted)
            statuses: Counter[str] = Counter()
            for (_, status), number in counted.items():
                statuses[status] += number
            noted.update({name: statuses[name] for name in _STATUSES})
            return _answer(outcomes, statuses)

        return Later(publisher.publish(sent), finish)

    app.add_url_rule("/v1/events", "POST /v1/events", view, methods=["POST"], provide_automatic_options=False)


def _made(events: EventMaker, items: Sequence[Any], sender: Sender) -> list[Message | Rejected]:
    message = events.for_request(sender)
    made: list[Message | Rejected] = []
    for item in items:
        try:
            made.append(message(item) if type(item) is not bodies.Unreadable else Rejected("", item.rule, item.detail))
        except Rejected as rejected:
            made.append(rejected)
    return made


def _outcomes(made: Sequence[Message | Rejected], acknowledged: Sequence[bool]) -> list[Outcome]:
    """`acknowledged` has one element a message."""
    answers = iter(acknowledged)
    return [
        {"status": "rejected", "field": each.field, "rule": each.rule, "detail": each.detail}
        if isinstance(each, Rejected)
        else {"status": "accepted" if next(answers) else "unavailable", "event_id": each.event_id}
        for each in made
    ]


def _counted(
    items: Sequence[Any], made: Sequence[Message | Rejected], outcomes: Sequence[Outcome], events: EventMaker
) -> Counter[tuple[str, str]]:
    return Counter(
        (_event_type(item, each, events), outcome["status"])
        for item, each, outcome in zip(items, made, outcomes, strict=True)
    )


def _event_type(item: Any, made: Message | Rejected, events: EventMaker) -> str:
    """The event type as the metrics count it: a name that a client invents must not make a new series."""
    if isinstance(made, Message):
        return made.event_type
    named = item.get("event_type") if isinstance(item, dict) else None
    return named if isinstance(named, str) and named in events.contracts else "unknown"


def _answer(outcomes: list[Outcome], statuses: Counter[str]) -> Response:
    if statuses["accepted"]:
        return Response(orjson.dumps({"items": outcomes}) + b"\n", content_type="application/json")
    if statuses["unavailable"]:
        raise not_acknowledged(items=outcomes)
    raise Problem(422, "Every event rejected", "No event of the request follows its contract.", items=outcomes)
