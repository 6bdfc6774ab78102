"""Trino's own client, which was fetched with the servers, in the place of this process."""

from __future__ import annotations

import os
from typing import NoReturn

from lakehouse.names import CATALOG
from lakehouse.settings import Settings
from stack.errors import StackError
from stack.java import find_java


def command(settings: Settings) -> list[str]:
    """What is run to ask this Trino.

    Raises:
        StackError: there is no Java, or the client was not fetched.
    """
    folder = settings.servers.absolute() / "trino"
    jars = sorted(folder.glob("trino-cli-*-executable.jar"))
    if not jars:
        raise StackError(f"Trino's client is not in {folder}: run `make jars`, or give a statement to `lakehouse sql`.")
    java = find_java(os.environ) / "bin" / "java"
    return [str(java), "-jar", str(jars[-1]), "--server", settings.trino_url, "--catalog", CATALOG]


def become_client(settings: Settings) -> NoReturn:
    """Ends this process's own work; from here on its terminal is the client's. Raises as `command` does."""
    argv = command(settings)
    os.execv(argv[0], argv)
