"""The record of builds: each is started before the tables of its day change, and finished after.

Snapshots of the inventory are valid or not by this record.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from lakehouse import names
from lakehouse.catalog.tables import DAY_BUILDS, schema_of
from lakehouse.ledger.vocabulary import BuildCause, BuildStep

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from jobs.runtime.job import Job

SCHEMA = schema_of(DAY_BUILDS)


class Build(NamedTuple):
    """A build of one day. All attempts at the same build count as one, since only one of them can commit."""

    day: dt.date
    built_through: int
    cause: str = BuildCause.ROLLUP


class Builds(NamedTuple):
    """All builds that were ever started, and those that are finished."""

    started: frozenset[Build]
    finished: frozenset[Build]

    def unfinished(self) -> list[Build]:
        """Builds whose day may still change: neither finished nor superseded by a finished rollup.

        A superseded build changes nothing any more: Delta skips its transaction, whose version is not higher. For a
        provisional build that is a rollup through the same entry or a later one; for others, a later one.
        """
        newest: dict[dt.date, int] = {}
        for build in self.finished:
            if build.cause == BuildCause.ROLLUP:
                newest[build.day] = max(build.built_through, newest.get(build.day, build.built_through))
        return sorted(
            build
            for build in self.started - self.finished
            if build.day not in newest
            or newest[build.day] < build.built_through + (build.cause != BuildCause.PROVISIONAL)
        )


def start(job: Job, days: Iterable[dt.date], built_through: int, cause: str = BuildCause.ROLLUP) -> None:
    """Records that the daily tables of these days are about to change.

    From this commit on no snapshot of them is valid.
    """
    _append(job, days, built_through, cause, BuildStep.STARTED)


def finish(job: Job, days: Iterable[dt.date], built_through: int, cause: str = BuildCause.ROLLUP) -> None:
    """Records that they have changed, by whichever run: the tables hold this build or a later one.

    An erase records it before its entry is done.
    """
    _append(job, days, built_through, cause, BuildStep.FINISHED)


def read(spark: SparkSession, path: str) -> Builds:
    """All builds: a few thousand rows a year at most."""
    rows = spark.read.format("delta").load(path).select("day", "built_through", "cause", "step").distinct().collect()
    by_step: dict[str, set[Build]] = {BuildStep.STARTED: set(), BuildStep.FINISHED: set()}
    for row in rows:
        by_step[row["step"]].add(Build(row["day"], row["built_through"], row["cause"]))
    return Builds(frozenset(by_step[BuildStep.STARTED]), frozenset(by_step[BuildStep.FINISHED]))


def _append(job: Job, days: Iterable[dt.date], built_through: int, cause: str, step: str) -> None:
    now = dt.datetime.now(dt.UTC)
    rows = [(day, built_through, cause, step, job.airflow_run, now) for day in sorted(set(days))]
    if rows:
        frame = job.spark.createDataFrame(rows, SCHEMA).coalesce(1)
        job.store.add_rows(frame, names.DAY_BUILDS)
