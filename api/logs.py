"""Logs: one JSON object a line, so that nothing a client sends can forge a line."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime

from flask import Flask, Response, g, request

_MOST_CHARACTERS = 500  # of anything that a client sent

_log = logging.getLogger("api.request")


class JsonLines(logging.Formatter):
    """ASCII JSON: line breaks and control characters of any kind come out escaped."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure() -> None:
    """Sends all logs of this process to standard output, in place of what was configured."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # it repeats every failed try; the probe reports loss once


def register(app: Flask) -> None:
    """Logs one line for each request, when it is answered."""
    app.before_request(_start)
    app.after_request(_finish)


def note(**fields: object) -> None:
    """Adds fields to the line of the request that is being answered."""
    g.setdefault("noted", {}).update(fields)


def seconds_taken() -> float:
    """Time since the request came in."""
    return time.perf_counter() - float(g.started)


def _start() -> None:
    g.started = time.perf_counter()


def _finish(response: Response) -> Response:
    fields = {
        "method": request.method,
        "path": request.path[:_MOST_CHARACTERS],
        "status": response.status_code,
        "milliseconds": round(1000 * seconds_taken(), 1),
        "remote": request.remote_addr,
        **{
            name: value[:_MOST_CHARACTERS] if isinstance(value, str) else value
            for name, value in g.get("noted", {}).items()
        },
    }
    _log.info("request", extra={"fields": fields})
    return response
