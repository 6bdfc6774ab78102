"""Moves what an older version has stored on this machine to the version of this code, and says each change."""

from __future__ import annotations

from collections.abc import Callable

from lakehouse.catalog.stored_version import UNNOTED, NewerStateError, refuse_newer, stored_version
from lakehouse.clients.hdfs import Hdfs
from lakehouse.settings import Settings
from lakehouse.version import VERSION
from stack import bootstrap
from stack.control import only_one, start
from stack.environment import airflow_environment, job_environment, local_settings, python_bin
from stack.errors import StackError
from stack.restoring import HDFS, refuse_half_restored

NEEDED = (*HDFS, "kafka", "metastore", "spark", "topics")  # for the job that changes tables
AFTER = (*NEEDED, "trino", "tables", "views")
_MIGRATE_SECONDS = 300

Say = Callable[[str], None]


def upgrade(settings: Settings, say: Say) -> None:
    """Does what a start of this code would do to stored state. It may be repeated: then it finds nothing to change.

    Raises:
        StackError: there is nothing stored, newer code stored it, or a step failed; the same command goes on with it.
        HdfsError: HDFS does not answer.
    """
    settings = local_settings(settings)
    with only_one(settings.state):
        if not (settings.state / "hdfs").exists():
            raise StackError(f"{settings.state} holds no stack: there is nothing to upgrade. `make up` makes one.")
        refuse_half_restored(settings.state)
        start(settings, say, HDFS)
        _say_from_what_to_what(settings, say)
        start(settings, say, NEEDED)
        for line in bootstrap.make_tables(settings, job_environment(settings), "--list-erasures"):
            say(f"tables: {line}")
        start(settings, say, AFTER)  # the views are made by Trino
        say("views: made as this version defines them")
        say(f"Airflow's database: {_migrate(settings)}")
        say(f"Upgraded to {VERSION}. `make up` starts the rest.")


def _say_from_what_to_what(settings: Settings, say: Say) -> None:
    if not Hdfs(settings).exists(f"{settings.warehouse}/ops/ledger"):
        raise StackError(f"{settings.warehouse_uri} has no tables: there is nothing to upgrade. `make up` makes them.")
    stored = stored_version(settings)
    try:
        refuse_newer(stored)
    except NewerStateError as error:
        raise StackError(f"Nothing was changed: {error}.") from None
    say(
        f"from {stored or UNNOTED} to {VERSION}"
        + (": it is there already, all is looked at again" * (stored == VERSION))
    )


def _migrate(settings: Settings) -> str:
    """Brings Airflow's database to the version of Airflow that is installed. Says what was done."""
    if settings.database is None and not (settings.state / "airflow" / "airflow.db").exists():
        return "there is none yet"
    log = settings.state / "logs" / "airflow-migrate.log"
    environment = job_environment(settings) | airflow_environment(settings)
    command = [str(python_bin() / "airflow"), "db", "migrate"]
    bootstrap.run_logged("airflow db migrate", command, environment, log, _MIGRATE_SECONDS)
    return "of the Airflow that is installed"
