"""What every job is handed: settings, contracts, Spark, the ledger and the marks of this attempt."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    options: argparse.Namespace

    @property
    def day(self) -> dt.date:
        """The day of a job that was given the option DAY."""
        day: dt.date = self.options.day
        return day

    def path(self, table: names.Table) -> str:
        return table.path(self.settings.warehouse_uri)

    def say(self, message: str) -> None:
        """One line for the reader of the task's log."""
        print(f"{dt.datetime.now(dt.UTC):%H:%M:%S} {message}", flush=True)


Option = tuple[str, Mapping[str, Any]]  # a flag, and the arguments of argparse's add_argument
DAY: Option = ("--day", {"required": True, "type": dt.date.fromisoformat, "help": "YYYY-MM-DD"})
WHO: Option = ("--who", {"required": True, "help": "who asks for it"})
WHY: Option = ("--why", {"required": True, "help": "the reason that is recorded"})


@contextmanager
def job(name: str, arguments: Sequence[str], *options: Option) -> Iterator[Job]:
    """Reads arguments, settings and contracts, opens Spark, and stops it at the end.

    Exits with 2 and one line if an argument, a setting, a contract or Spark's address is wrong.
    """
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--run", default="by hand", help="the Airflow run that starts this job")
    for flag, details in options:
        parser.add_argument(flag, **details)
    given = parser.parse_args(arguments)
    try:
        settings = Settings.load()
        contracts = load_contracts(settings.contracts)
        spark = spark_session(settings, name)
    except (SettingsError, ContractError, SparkUnavailable) as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)
    attempt_id = uuid.uuid4().hex
    ledger = Ledger(spark, names.LEDGER.path(settings.warehouse_uri), attempt_id, given.run)
    try:
        yield Job(settings, contracts, spark, ledger, Hooks(settings), given.run, attempt_id, given)
    finally:
        spark.stop()
