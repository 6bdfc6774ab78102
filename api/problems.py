"""Errors as problem JSON (RFC 9457). They say no more than a client may know."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

RETRY_AFTER_SECONDS = 2

_log = logging.getLogger(__name__)


class Problem(Exception):
    """The error by which a request is answered. `more`: members of the JSON beside the standard ones."""

    def __init__(self, status: int, title: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.more = more


def invalid_event(field: str, rule: str, detail: str) -> Problem:
    """An event that its contract does not allow."""
    return Problem(400, "Invalid event", detail, field=field, rule=rule)


def not_acknowledged(**more: Any) -> Problem:
    """Kafka did not acknowledge the event in time. It may have the event or not."""
    return Problem(
        503,
        "Not acknowledged",
        "Kafka has not acknowledged the event. Send it again; with the same event_id it stays one event.",
        **more,
    )


def response(problem: Problem) -> Response:
    """The problem as an HTTP response."""
    body: Mapping[str, Any] = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        **problem.more,
    }
    answer = Response(json.dumps(body) + "\n", problem.status, content_type="application/problem+json")
    if problem.status == 503:
        answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer


def register(app: Flask) -> None:
    """Answers every error of the app by a problem: ours, HTTP errors such as 404, and unexpected exceptions."""
    app.register_error_handler(Problem, response)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, unexpected)


def _http(error: HTTPException) -> Response:
    answer = response(Problem(error.code or 500, error.name, error.description or error.name))
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            answer.headers[name] = value
    return answer


def unexpected(error: Exception) -> Response:
    """An unexpected exception. The log has it; the client learns only that there was one."""
    _log.error("unexpected error", exc_info=error)
    return response(Problem(500, "Internal Server Error", "The request failed here. The API's log says why."))
