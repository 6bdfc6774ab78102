"""Who was shown personal data on the command line: a line in a log, written before it is shown."""

from __future__ import annotations

import datetime as dt
import getpass
import json
from pathlib import Path

from lakehouse.settings import Settings


def log_file(settings: Settings) -> Path:
    return settings.state / "logs" / "personal-data.log"


def record(settings: Settings, what: str) -> str:
    """Says in the log that the user of this process is shown `what`. Returns their name.

    Raises:
        OSError: it cannot be written; then nothing is to be shown.
    """
    who = getpass.getuser()
    file = log_file(settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    line = {"time": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"), "who": who, "what": what}
    with file.open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
    return who
