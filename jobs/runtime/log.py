"""The logger of a job, in the format of lakehouse/job_log.py."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import structlog

from lakehouse.job_log import JOB, LEVEL, MESSAGE, TIME


def logger_of(job: str) -> Any:
    """A logger that writes to the standard output. Its first argument is the message."""
    logger = structlog.wrap_logger(
        structlog.PrintLogger(),
        processors=[
            structlog.processors.TimeStamper(fmt="iso", key=TIME),
            structlog.processors.add_log_level,
            structlog.processors.EventRenamer(MESSAGE),
            _in_order,
        ],
        # as given here, whatever a library sets for all loggers of the process
        wrapper_class=structlog.BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=False,
    )
    return logger.bind(**{JOB: job})


def _in_order(_: Any, __: str, fields: Mapping[str, Any]) -> str:
    first = {name: fields[name] for name in (TIME, LEVEL, JOB, MESSAGE)}
    return json.dumps({**first, **fields}, ensure_ascii=False)
