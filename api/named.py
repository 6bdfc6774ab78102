"""Serves the named routes: parameters in, one event logged, one sentence out."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import MethodNotAllowed

from api import bodies, logs
from api.events import EventMaker, Rejected
from api.later import Later
from api.metrics import Metrics
from api.problems import Problem, invalid_event, not_acknowledged
from api.publish import Publisher
from api.routes import ROUTES, Route
from api.sender import sender_of

_MAX_BODY_BYTES = 2**20


def register(app: Flask, events: EventMaker, publisher: Publisher, metrics: Metrics) -> None:
    """Adds every route of ROUTES."""
    for route in ROUTES:
        app.add_url_rule(
            route.path,
            f"{route.method} {route.path}",
            _view(route, events, publisher, metrics),
            methods=[route.method],
            provide_automatic_options=False,
        )


def _view(route: Route, events: EventMaker, publisher: Publisher, metrics: Metrics) -> Any:
    def view(**path: str) -> Later:
        if request.method != route.method:  # Flask answers HEAD by the view of GET; a HEAD must not log an event
            raise MethodNotAllowed([route.method])
        publisher.start()
        noted = logs.noted_in(request.environ)
        noted["event_type"] = route.event_type
        fields = {**_body(route), **route.fields({**_query(route), **path})}
        try:
            message = events.for_request(sender_of(request.environ))({**fields, "event_type": route.event_type})
        except Rejected as rejected:
            metrics.count_events({(route.event_type, "rejected"): 1})
            noted.update(field=rejected.field, rule=rejected.rule)
            raise _problem(rejected) from None
        noted["event_id"] = message.event_id

        def finish(acknowledged: list[bool]) -> Response:
            metrics.count_events({(route.event_type, "accepted" if acknowledged[0] else "unavailable"): 1})
            if not acknowledged[0]:
                raise not_acknowledged()
            return Response(route.text(fields) + "\n", content_type="text/plain; charset=utf-8")

        return Later(publisher.publish([message]), finish)

    return view


def _query(route: Route) -> dict[str, str]:
    given = {name: request.args.get(name, default) for name, default in route.query}
    return {name: value for name, value in given.items() if value is not None}


def _body(route: Route) -> dict[str, Any]:
    return bodies.read_object(request, _MAX_BODY_BYTES) if route.body else {}


def _problem(rejected: Rejected) -> Problem:
    if rejected.rule == "max_bytes":
        return Problem(413, "Event too large", rejected.detail, field=rejected.field, rule=rejected.rule)
    return invalid_event(rejected.field, rejected.rule, rejected.detail)
