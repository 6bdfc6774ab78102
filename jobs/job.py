"""What every job is handed: settings, contracts, Spark, the ledger and the marks of this attempt."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs.hooks import Hooks
from jobs.ledger import Ledger
from jobs.session import SparkUnavailable, spark_session
from lakehouse import names
from lakehouse.contract import ContractError, Contracts, load_contracts
from lakehouse.settings import Settings, SettingsError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Job:
    """One attempt of one job."""

    settings: Settings
    contracts: Contracts
    spark: SparkSession
    ledger: Ledger
    hooks: Hooks
    run: str  # the Airflow run that started it, or who did
    attempt_id: str
    day: dt.date | None = None

    def path(self, table: names.Table) -> str:
        return table.path(self.settings.warehouse_uri)

    def say(self, message: str) -> None:
        """One line for the reader of the task's log."""
        print(f"{dt.datetime.now(dt.UTC):%H:%M:%S} {message}", flush=True)


@contextmanager
def job(name: str, arguments: Sequence[str]) -> Iterator[Job]:
    """Reads arguments, settings and contracts, opens Spark, and stops it at the end.

    Exits with 2 and one line if a setting, a contract or Spark's address is wrong.
    """
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--run", default="by hand", help="the Airflow run that starts this job")
    parser.add_argument("--day", type=dt.date.fromisoformat, help="day to build, YYYY-MM-DD")
    options = parser.parse_args(arguments)
    try:
        settings = Settings.load()
        contracts = load_contracts(settings.contracts)
        spark = spark_session(settings, name)
    except (SettingsError, ContractError, SparkUnavailable) as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)
    attempt_id = uuid.uuid4().hex
    ledger = Ledger(spark, names.LEDGER.path(settings.warehouse_uri), attempt_id, options.run)
    try:
        yield Job(settings, contracts, spark, ledger, Hooks(settings), options.run, attempt_id, options.day)
    finally:
        spark.stop()
