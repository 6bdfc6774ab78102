"""The API's description: OpenAPI from the contracts and the routes, and a plain page that lists them."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

from flask import Flask, Response, jsonify

from api.routes import ROUTES, Route
from lakehouse.contract.message_form import CLIENT_FIELDS
from lakehouse.contract.model import Contract, Contracts
from lakehouse.contract.nesting import MAX_DEPTH
from lakehouse.version import VERSION

_OTHER_ROUTES = (
    ("POST", "/v1/events", "Log one event, a JSON array of them, or lines of JSON; each gets its own outcome."),
    (
        "GET",
        "/players/<player>",
        "What a player has, the guild and when the player was last seen. For this machine alone.",
    ),
    ("GET", "/notifications", "Notable events as they are published (server-sent events). For this machine alone."),
    ("GET", "/healthz", "Whether this process answers."),
    ("GET", "/readyz", "Whether Kafka takes events."),
    ("GET", "/metrics", "Metrics for Prometheus."),
    ("GET", "/openapi.json", "This API as OpenAPI 3.1."),
    ("GET", "/docs", "This page."),
)
_PROBLEM = {
    "type": "object",
    "description": "An error, as RFC 9457 has it.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "field": {"type": "string", "description": "The field that breaks the rule; empty for the whole event."},
        "rule": {"type": "string", "description": "The rule that it breaks."},
        "items": {"type": "array", "items": {"$ref": "#/components/schemas/outcome"}},
    },
    "required": ["type", "title", "status", "detail"],
}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_PLAYER = {
    "type": "object",
    "description": "What the published events say of a player.",
    "properties": {
        "player": {"type": "string"},
        "guild": {**_TEXT_OR_NULL, "description": "The guild joined last, unless the player left it since."},
        "last_seen": {
            "type": "string",
            "format": "date-time",
            "description": "When Kafka got the player's last event.",
        },
        "inventory": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"item_type": _TEXT_OR_NULL, "item": _TEXT_OR_NULL, "quantity": {"type": "integer"}},
                "required": ["item_type", "item", "quantity"],
            },
        },
        "through": {"type": "integer", "description": "The last ledger entry that changed the player."},
        "complete_through": {
            "type": "integer",
            "description": "The ledger entry that the live state is complete through.",
        },
    },
    "required": ["player", "guild", "last_seen", "inventory", "through", "complete_through"],
}
_OUTCOME = {
    "type": "object",
    "description": "What became of one event of a request.",
    "properties": {
        "status": {"type": "string", "enum": ["accepted", "rejected", "unavailable"]},
        "event_id": {"type": "string", "format": "uuid"},
        "field": {"type": "string"},
        "rule": {"type": "string"},
        "detail": {"type": "string"},
    },
    "required": ["status"],
}


def register(app: Flask, contracts: Contracts) -> None:
    """Adds /openapi.json and /docs."""
    document, page = openapi(contracts), docs_page(contracts)

    def openapi_json() -> Response:
        return jsonify(document)

    def docs() -> Response:
        answer = Response(page, content_type="text/html; charset=utf-8")
        answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
        return answer

    app.add_url_rule("/openapi.json", "openapi", openapi_json, methods=["GET"])
    app.add_url_rule("/docs", "docs", docs, methods=["GET"])


def openapi(contracts: Contracts) -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        path = re.sub(r"<(\w+)>", r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _named(route, contracts[route.event_type])
    paths["/v1/events"] = {"post": _batch()}
    for method, path, summary in _OTHER_ROUTES[3:]:
        paths[path] = {method.lower(): {"summary": summary, "responses": {"200": {"description": "As asked."}}}}
    paths["/players/{player}"], paths["/notifications"] = {"get": _player()}, {"get": _notifications()}
    paths["/readyz"]["get"]["responses"]["503"] = _problem_response("Kafka does not take events.")
    schemas = {name: _event_schema(contracts, contract) for name, contract in contracts.items()}
    one = {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in contracts]}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Game events",
            "version": VERSION,
            "description": "Logs what players do. The header X-Player-Id, or else Host, says who did it. An event may have "
            f"at most {MAX_DEPTH} levels of objects and arrays within each other; it is the first.",
        },
        "paths": paths,
        "components": {
            "schemas": {**schemas, "event": one, "outcome": _OUTCOME, "player": _PLAYER, "problem": _PROBLEM}
        },
    }


def docs_page(contracts: Contracts) -> str:
    """A page without scripts that lists routes and event types."""
    routes = [(route.method, route.path, route.summary) for route in ROUTES] + list(_OTHER_ROUTES)
    types = [
        (each.event_type, ", ".join(field.name for field in each.fields) or "-", each.description)
        for each in contracts.values()
    ]
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Game events</title><style>"
        "body{font:16px/1.5 sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
        "table{border-collapse:collapse}td,th{border-bottom:1px solid #ccc;padding:.3rem .8rem;text-align:left}"
        "</style></head><body><h1>Game events</h1>"
        "<p>An answer of 200 means that Kafka has the event. See also <a href='/openapi.json'>OpenAPI</a>.</p>"
        f"<h2>Routes</h2><table><tr><th>Method</th><th>Path</th><th>What it does</th></tr>{_rows(routes)}</table>"
        "<h2>Event types</h2><table><tr><th>Type</th><th>Own fields</th><th>What happened</th></tr>"
        f"{_rows(types)}</table>"
        "</body></html>\n"
    )


def _rows(rows: Sequence[tuple[str, ...]]) -> str:
    return "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)


def _named(route: Route, contract: Contract) -> dict[str, Any]:
    properties = contract.schema["properties"]
    operation: dict[str, Any] = {
        "summary": route.summary,
        "description": f"Logs a {route.event_type} event.",
        "parameters": [_parameter(name, "path", properties.get(name, {}), None) for name in route.names]
        + [_parameter(name, "query", {}, default) for name, default in route.query],
        "responses": {
            "200": {"description": "Kafka has the event.", "content": {"text/plain": {"schema": {"type": "string"}}}},
            "400": _problem_response("The contract does not allow the event; nothing was logged."),
            "413": _problem_response("The event or its body is too large."),
            "503": _problem_response("Kafka has not acknowledged the event."),
        },
    }
    if route.body:
        rest = {name: schema for name, schema in properties.items() if name not in route.names}
        schema = {
            "type": "object",
            "properties": rest,
            "required": [name for name in rest if name in _required(contract)],
        }
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _parameter(name: str, place: str, field: dict[str, Any], default: str | None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"} if default is None else {"type": "string", "default": default}
    description = field.get("description", "As the client writes it.")
    return {"name": name, "in": place, "required": place == "path", "description": description, "schema": schema}


def _batch() -> dict[str, Any]:
    event = {"$ref": "#/components/schemas/event"}
    one_or_many = {"oneOf": [event, {"type": "array", "items": event}]}
    items = {
        "type": "object",
        "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/outcome"}}},
    }
    return {
        "summary": _OTHER_ROUTES[0][2],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": one_or_many},
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        },
        "responses": {
            "200": {"description": "At least one is logged.", "content": {"application/json": {"schema": items}}},
            "400": _problem_response("Nothing could be read."),
            "413": _problem_response("The body is too large, or has too many events."),
            "415": _problem_response("The body is of another type."),
            "422": _problem_response("Every event was rejected."),
            "503": _problem_response("Kafka has acknowledged none."),
        },
    }


def _player() -> dict[str, Any]:
    return {
        "summary": _OTHER_ROUTES[1][2],
        "parameters": [_parameter("player", "path", {"description": "As the column player has it."}, None)],
        "responses": {
            "200": {
                "description": "What the published events say of the player.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/player"}}},
            },
            "403": _problem_response("The request is not of this machine."),
            "404": _problem_response("No published event is of this player."),
            "503": _problem_response("There is no live state now."),
        },
    }


def _notifications() -> dict[str, Any]:
    resume = "The id of the last event that came; what came after it and is still kept follows. 0-0: all that is kept."
    return {
        "summary": _OTHER_ROUTES[2][2],
        "parameters": [
            {"name": "Last-Event-ID", "in": "header", "description": resume, "schema": {"type": "string"}},
        ],
        "responses": {
            "200": {
                "description": "The data of each event is JSON: event_id, event_type, player, at. Goes on until a side ends it.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            "400": _problem_response("Last-Event-ID is not the id of an event."),
            "403": _problem_response("The request is not of this machine."),
            "503": _problem_response("There is no live state now, or there are too many listeners."),
        },
    }


def _problem_response(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/problem"}
    return {"description": description, "content": {"application/problem+json": {"schema": schema}}}


def _required(contract: Contract) -> list[str]:
    return [field.name for field in contract.fields if field.required]


def _event_schema(contracts: Contracts, contract: Contract) -> dict[str, Any]:
    """The contract's own fields and what a client may say of the envelope."""
    envelope = {name: contracts.envelope_schema["properties"][name] for name in CLIENT_FIELDS}
    envelope["event_type"] = {"const": contract.event_type, "description": envelope["event_type"]["description"]}
    return {
        "type": "object",
        "description": contract.description,
        "properties": {**envelope, **contract.schema["properties"]},
        "required": ["event_type", *_required(contract)],
    }
