"""The cost of a history of small batches: the time of a run compared with one without, and of Trino's answers.

The batches are the real ones, in one process, with the hourly compaction each 60 of them: 1,000 take more than an hour.
"""

from __future__ import annotations

import os
import statistics
import time
from unittest.mock import patch

import click

from benchmarks.figures import Figure, Table
from benchmarks.spark_jobs import by_hand, ingest, job_seconds
from benchmarks.stack import fill, measuring, renew
from jobs.runtime.job import start
from lakehouse.settings import Settings
from stack.environment import job_environment
from stack.loads.demo import QUESTIONS, ask

YOUNG = 10  # batches that Spark has run when a run's time is taken, whatever the history
EVENTS = 50  # of a batch of the history
ROWS = 10_000  # of a batch whose time is taken
BATCHES_AN_HOUR = 60
RUNS = 7  # of each of two, in turn
ASKED = 7  # times that each question is asked


def measure(settings: Settings, table: Table, batches: int) -> None:
    """Adds the time of a run after so many batches beside that after ten, and of Trino's answers after half of them.

    The runs are measured in turn with those of a second stack that is new: an hour lies between the first batch and the
    last, and in an hour a machine changes more than a history does. Spark is new in both and has run ten batches.
    """
    with by_hand(settings):
        _measure(settings, table, batches)


def _measure(settings: Settings, table: Table, batches: int) -> None:
    grow(settings, batches // 2)
    small = answer_seconds(settings)
    job_seconds(settings, "maintain", "--task", "compact", compact_from_files="2")
    joined = answer_seconds(settings)
    table.add(
        Figure(
            f"Trino, p50 of the demo's questions after {batches // 2:,} batches, hourly compaction",
            "the same tables with all small files joined",
            "s",
            (statistics.median(small),),
            (statistics.median(joined),),
            wanted=1.3,
            at_most=True,
        )
    )
    grow(settings, batches - batches // 2)
    renew(settings, "spark")
    with measuring(beside=True) as young, by_hand(young):
        for each in (settings, young):
            grow(each, YOUNG)
        pairs = [tuple(run_seconds(each) for each in (settings, young)) for _ in range(RUNS)]
    late, early = zip(*pairs, strict=True)
    table.add(
        Figure(
            f"drain and publish of {ROWS:,} events after {batches:,} batches",
            f"after {YOUNG}, on a stack of its own beside",
            "s",
            late,
            early,
            wanted=1.2,
            at_most=True,
        )
    )


def run_seconds(settings: Settings) -> float:
    """Seconds of drain and publish of ROWS events."""
    fill(settings, ROWS)
    return ingest(settings)


def grow(settings: Settings, batches: int) -> None:
    """Sends, drains and publishes small batches. Compacts after each 60 of them, as Airflow does hourly."""
    from jobs.entries.commit import close_all
    from jobs.raw.drain import drain_waiting

    began = time.monotonic()
    for first in range(0, batches, BATCHES_AN_HOUR):
        with patch.dict(os.environ, job_environment(settings)), start("history", []) as run:
            for _ in range(min(BATCHES_AN_HOUR, batches - first)):
                fill(settings, EVENTS)
                if drain_waiting(run) != 1 or close_all(run) != 1:
                    raise RuntimeError(f"the {EVENTS} events of a batch did not become one entry")
        if batches - first >= BATCHES_AN_HOUR:
            job_seconds(settings, "maintain", "--task", "compact")
        done = min(first + BATCHES_AN_HOUR, batches)
        click.echo(f"{done} of {batches} batches, {(time.monotonic() - began) / done:.1f} s each")


def answer_seconds(settings: Settings) -> list[float]:
    """Seconds of each answer, each question once unmeasured first."""
    for question in QUESTIONS:
        ask(settings, question)
    found = []
    for _ in range(ASKED):
        for question in QUESTIONS:
            began = time.monotonic()
            ask(settings, question)
            found.append(time.monotonic() - began)
    return found
