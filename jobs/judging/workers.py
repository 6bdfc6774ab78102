"""Sends the evaluator to Spark's workers. The contracts and the version of the code travel with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from jobs.judging import version

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.contract.model import Contracts


def in_workers(
    frame: DataFrame,
    function: Callable[..., Any],
    columns: Mapping[str, str],
    *,
    contracts: Contracts,
    max_event_bytes: int,
    **more: Any,
) -> DataFrame:
    """The rows that a function of jobs/judging/batches.py makes of the frame's rows in Spark's workers.

    Args:
        columns: Spark type by name of what the function gives, in its order.
        more: its further arguments.

    Raises (when evaluated): Spark's own error with VersionError if a worker has other judging code than this process.
    """
    call = partial(function, code=version.code_hash(), contracts=contracts, max_event_bytes=max_event_bytes, **more)
    return frame.mapInArrow(call, ", ".join(f"`{name}` {kind}" for name, kind in columns.items()))
