"""Spark's daemon of Python workers.

It imports the evaluator before it forks them, or each would need half a second for it. And it spares them to read the
contents of Spark's archives before each task, which takes 0.1 s: Spark has them forget what they know of files.

Spark starts it by its name (`spark.python.daemon.module` in docker/spark/spark-defaults.conf).
"""

from __future__ import annotations

import sys
from zipimport import zipimporter

import pyarrow.parquet  # noqa: F401
from pyspark import daemon

import jobs.judging.batches  # noqa: F401  (what is forked has it)


def keep_contents() -> None:
    """The archives that code was imported from until now stay as they are; those that jobs bring come later."""
    for finder in sys.path_importer_cache.values():
        if isinstance(finder, zipimporter):
            finder.invalidate_caches = _nothing  # type: ignore[method-assign]


def _nothing() -> None:
    """What is to be forgotten."""


if __name__ == "__main__":
    keep_contents()
    daemon.manager()  # type: ignore[no-untyped-call]
