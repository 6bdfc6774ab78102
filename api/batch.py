"""Serves POST /v1/events: many events in one request, each with its own outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Flask, Response, jsonify, request

from api import bodies, logs
from api.events import EventMaker, Message, Rejected
from api.metrics import Metrics
from api.problems import Problem, not_acknowledged
from api.publish import Publisher
from api.sender import Sender, sender_of

Outcome = dict[str, str]


def register(app: Flask, events: EventMaker, publisher: Publisher, metrics: Metrics, max_items: int) -> None:
    """Adds the route."""

    def view() -> Response:
        publisher.start()
        sender = sender_of(request.environ)
        items = bodies.read_items(request, max_items)
        made = [_made(events, item, sender) for item in items]
        outcomes = _outcomes(made, publisher)
        metrics.count_events(
            (_event_type(item, each, events), outcome["status"])
            for item, each, outcome in zip(items, made, outcomes, strict=True)
        )
        statuses = [outcome["status"] for outcome in outcomes]
        logs.note(
            player=sender.player, **{name: statuses.count(name) for name in ("accepted", "rejected", "unavailable")}
        )
        return _answer(outcomes, statuses)

    app.add_url_rule("/v1/events", "POST /v1/events", view, methods=["POST"], provide_automatic_options=False)


def _made(events: EventMaker, item: Any, sender: Sender) -> Message | Rejected:
    if isinstance(item, bodies.Unreadable):
        return Rejected("", "json", item.detail)
    try:
        return events.message(item, sender)
    except Rejected as rejected:
        return rejected


def _outcomes(made: Sequence[Message | Rejected], publisher: Publisher) -> list[Outcome]:
    acknowledged = iter(publisher.publish([each for each in made if isinstance(each, Message)]))
    return [
        {"status": "rejected", "field": each.field, "rule": each.rule, "detail": each.detail}
        if isinstance(each, Rejected)
        else {"status": "accepted" if next(acknowledged) else "unavailable", "event_id": each.event_id}
        for each in made
    ]


def _event_type(item: Any, made: Message | Rejected, events: EventMaker) -> str:
    """For the metrics, which must not get a new series for every name that a client invents."""
    if isinstance(made, Message):
        return made.event_type
    named = item.get("event_type") if isinstance(item, dict) else None
    return named if isinstance(named, str) and named in events.contracts else "unknown"


def _answer(outcomes: list[Outcome], statuses: list[str]) -> Response:
    if "accepted" in statuses:
        return jsonify({"items": outcomes})
    if "unavailable" in statuses:
        raise not_acknowledged(items=outcomes)
    raise Problem(422, "Every event rejected", "No event of the request follows its contract.", items=outcomes)
