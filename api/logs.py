"""Logs: one JSON object a line, so that nothing a client sends can forge a line. No line names a player.

An erasure does not reach logs. Who sent an event stands beside its `event_id` in the tables.
"""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

_MOST_CHARACTERS = 500  # of anything that a client sent

_NOTED = "lakehouse.noted"
_PLAYERS = "/players/"  # the one route whose path names a player


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
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a pipe too gets whole lines, at once
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # it repeats every failed try; the probe reports loss once
    logging.getLogger("kafka").setLevel(logging.CRITICAL + 1)


def request_line(environ: Mapping[str, Any], status: int, seconds: float, noted: Mapping[str, Any]) -> None:
    """Logs the line of one answered request."""
    fields = {
        "method": environ["REQUEST_METHOD"],
        "path": _path(environ["PATH_INFO"]),
        "status": status,
        "milliseconds": round(1000 * seconds, 1),
        "remote": environ.get("REMOTE_ADDR"),
        **{name: value[:_MOST_CHARACTERS] if isinstance(value, str) else value for name, value in noted.items()},
    }
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = {"time": now, "level": "INFO", "logger": "api.request", "message": "request", **fields}
    text = orjson.dumps(line).decode()
    # Not through the logging module: its records and handlers would take as long as the rest of the request.
    sys.stdout.write((text if text.isascii() else json.dumps(line)) + "\n")


def _path(path: str) -> str:
    if path.startswith(_PLAYERS):
        return f"{_PLAYERS}<player>"
    return path.encode("latin-1").decode("utf-8", "replace")[:_MOST_CHARACTERS]


def noted_in(environ: dict[str, Any]) -> dict[str, Any]:
    """The fields noted for the request so far. A field added to them stands in its log line."""
    noted: dict[str, Any] = environ.setdefault(_NOTED, {})
    return noted
