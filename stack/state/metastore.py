"""Makes the local stack's metastore anew: from the Delta logs its tables, from the code its views."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from lakehouse.settings import Settings
from stack.control import only_one, retire, start
from stack.environment import local_settings
from stack.errors import StackError
from stack.restoring import refuse_half_restored
from stack.supervisor import Supervisor

BEFORE = "metastore.before"  # the folder of the old one, until the new one is whole
NEEDED = ("namenode", "datanode", "metastore", "spark", "trino", "tables", "views")

Say = Callable[[str], None]


def rebuild(settings: Settings, say: Say) -> None:
    """Stops the metastore, puts its database away, and makes a new one. A rebuild that was killed is gone on with.

    Jobs that ask the metastore meanwhile fail, and are tried again.

    Raises:
        StackError: a server does not start, or a table cannot be registered. The old database is kept.
    """
    settings = local_settings(settings)
    if settings.database is not None:
        raise StackError(
            "The metastore's database is in PostgreSQL here: make that one anew; this is for the local stack."
        )
    with only_one(settings.state):
        refuse_half_restored(settings.state)
        there, before = settings.state / "metastore", settings.state / BEFORE
        if not (settings.state / "hdfs").exists():
            raise StackError(f"{settings.state} holds no stack: there is nothing to make a metastore of.")
        supervisor = Supervisor(settings.state)
        if supervisor.is_running():
            retire(supervisor, {"metastore"})
        if before.exists():
            shutil.rmtree(there, ignore_errors=True)  # what a rebuild that was killed has made
        elif there.exists():
            there.rename(before)
        say("the metastore's database is put away; a new one is made")
        start(settings, say, NEEDED)
        shutil.rmtree(before, ignore_errors=True)
        say("The metastore has all tables of the warehouse, and the views.")
