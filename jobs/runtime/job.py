"""What every job is handed: settings, contracts, Spark, the ledger and the marks of this attempt."""

from __future__ import annotations

import argparse
import atexit
import datetime as dt
import gc
import json
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from expectations.rulebook import Rule, load_rules
from jobs.delta.store import DeltaStore, TableStore
from jobs.judging import version
from jobs.ledger.delta_ledger import DeltaLedger
from jobs.runtime import garbage
from jobs.runtime.hooks import Hooks
from jobs.runtime.log import logger_of
from jobs.runtime.session import spark_session
from lakehouse import names
from lakehouse.clients.files import Files, files_of
from lakehouse.clients.spark import SparkUnavailable
from lakehouse.contract.keywords import INT64_MAX
from lakehouse.contract.load import load_contracts
from lakehouse.contract.model import ContractError, Contracts
from lakehouse.ledger.selection import Selection, in_utc
from lakehouse.settings import Settings, SettingsError
from lakehouse.texts import SHORTEST, TextError, harmless, recorded

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from jobs.ledger.ledger import Ledger


@dataclass(frozen=True)
class Job:
    """One attempt of one job."""

    settings: Settings
    contracts: Contracts
    spark: SparkSession
    ledger: Ledger
    hooks: Hooks
    airflow_run: str  # that started it, or who did
    attempt_id: str
    options: argparse.Namespace
    log: Any

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The hand-written checks. Raises RuleError."""
        return load_rules(self.settings.rules)

    @cached_property
    def judged_by(self) -> str:
        """Hash of all that says what becomes of a message: contracts, rules and the judging code."""
        return version.hash_of(self.contracts, self.settings.rules)

    @cached_property
    def store(self) -> TableStore:
        """The tables."""
        return DeltaStore(self.spark, self.settings)

    @cached_property
    def files(self) -> Files:
        """Whole files of the warehouse."""
        return files_of(self.settings)

    @property
    def day(self) -> dt.date:
        """The day of a job that was given the option DAY."""
        day: dt.date = self.options.day
        return day

    def path(self, table: names.Table) -> str:
        return table.path(self.settings.warehouse_uri)

    def say(self, message: str) -> None:
        """One line for the reader of the task's log."""
        self.log.info(harmless(message))

    def warn(self, message: str) -> None:
        """The same of what somebody should look at although the job goes on."""
        self.log.warning(harmless(message))


def _recorded(shortest: int) -> Callable[[str], str]:
    """The type of an option whose text is recorded."""

    def read(text: str) -> str:
        try:
            return recorded(text, shortest)
        except TextError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


REASON = _recorded(SHORTEST)
Option = tuple[str, Mapping[str, Any]]  # a flag, and the arguments of argparse's add_argument
DAY: Option = ("--day", {"required": True, "type": dt.date.fromisoformat, "help": "YYYY-MM-DD"})
SELECTION: Option = ("--selection", {"default": "{}", "help": "JSON: reason, event_type, batch_id, since, until"})
WHO: Option = ("--who", {"required": True, "type": _recorded(1), "help": "who asks for it"})
WHY: Option = ("--why", {"required": True, "type": REASON, "help": "the reason that is recorded"})


def selection_of(text: str) -> Selection:
    """Reads the option SELECTION. Ends the job with 2 and one line if it is not of that form."""
    try:
        given = {name: value for name, value in json.loads(text).items() if value not in (None, "")}
        times = {name: in_utc(dt.datetime.fromisoformat(given[name])) for name in ("since", "until") if name in given}
        batch = {"batch_id": int(given["batch_id"])} if "batch_id" in given else {}
        if not 1 <= batch.get("batch_id", 1) <= INT64_MAX:
            raise ValueError(f"batch_id is a number from 1 to {INT64_MAX}")
        return Selection(**{**given, **times, **batch})
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        print(f"--selection {harmless(text)}: {error}; write JSON with any of {SELECTION[1]['help']}", file=sys.stderr)
        sys.exit(2)


@contextmanager
def start(name: str, arguments: Sequence[str], *options: Option) -> Iterator[Job]:
    """Reads arguments, settings and contracts, opens Spark, and stops it at the end.

    Exits with 2 and one line if an argument, a setting, a contract or Spark's address is wrong.
    """
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--run", default="by hand", help="the Airflow run that starts this job")
    for flag, details in options:
        parser.add_argument(flag, **details)
    given = parser.parse_args(arguments)
    garbage.look_seldom()
    atexit.register(gc.freeze)  # else Python looks everything through once more at its end, 0.6 s of a publish
    try:
        settings = Settings.load()
        contracts = load_contracts(settings.contracts)
        spark = spark_session(settings, name)
    except (SettingsError, ContractError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)
    except SparkUnavailable as error:
        print(f"{name}: {error}, or unset LAKEHOUSE_SPARK_REMOTE: then the job has a Spark of its own", file=sys.stderr)
        sys.exit(2)
    attempt_id = uuid.uuid4().hex
    ledger = DeltaLedger(spark, names.LEDGER.path(settings.warehouse_uri), attempt_id, given.run)
    try:
        yield Job(settings, contracts, spark, ledger, Hooks(settings), given.run, attempt_id, given, logger_of(name))
    finally:
        spark.stop()
