"""Spark's daemon of Python workers.

It imports the evaluator before it forks them, or each would need half a second for it.

Spark starts it by its name (`spark.python.daemon.module` in docker/spark/spark-defaults.conf).
"""

from __future__ import annotations

import pyarrow.parquet  # noqa: F401
from pyspark import daemon

import jobs.judging.batches  # noqa: F401  (what is forked has it)

if __name__ == "__main__":
    daemon.manager()  # type: ignore[no-untyped-call]
