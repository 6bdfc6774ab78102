"""The format of a job's log: one JSON object a line, which people read and the command picks fields from."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

TIME, LEVEL, JOB, MESSAGE = "time", "level", "job", "message"  # its fields, in this order


class Line(NamedTuple):
    """One line of a job's log; `time` is UTC, as RFC 3339 has it."""

    time: str
    level: str
    job: str
    message: str

    @property
    def shown(self) -> str:
        """The message as it is shown to people."""
        return f"WARNING: {self.message}" if self.level == "warning" else self.message


def read(text: str) -> Line | None:
    """The line that a job wrote; None if another program wrote it."""
    if not text.startswith("{"):
        return None
    try:
        fields: Any = json.loads(text)
        return Line(fields[TIME], fields[LEVEL], fields[JOB], fields[MESSAGE])
    except (ValueError, KeyError, TypeError):
        return None
