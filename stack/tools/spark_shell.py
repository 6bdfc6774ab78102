"""PySpark's shell, or a program, on the warm Spark of the stack, in the place of this process."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from lakehouse.clients.spark import SparkUnavailable, check_answers
from lakehouse.settings import Settings
from stack.environment import job_environment, local_settings
from stack.errors import StackError


def environment(settings: Settings) -> dict[str, str]:
    """The variables by which `SparkSession.builder.getOrCreate()` finds the warm Spark.

    Raises:
        StackError: nothing listens there.
    """
    settings = local_settings(settings)
    address = str(settings.spark_remote)
    try:
        check_answers(address)
    except SparkUnavailable as error:
        raise StackError(str(error)) from None
    kept = {name: os.environ[name] for name in ("TERM", "COLORTERM", "NO_COLOR") if name in os.environ}
    return {
        **job_environment(settings),
        **kept,
        "SPARK_REMOTE": address,
        "SPARK_CONNECT_MODE_ENABLED": "1",
        "HOME": os.environ.get("HOME", str(settings.state / "home")),  # its history and start files are the user's own
    }


def become_shell(settings: Settings, program: Path | None) -> NoReturn:
    """Ends this process's own work: from here on its terminal is the shell's, or the program's. Raises StackError."""
    variables = environment(settings)
    if program is not None:
        os.execve(sys.executable, [sys.executable, str(program)], variables)
    found = find_spec("pyspark")  # found, and not imported: that takes a second
    shell = Path(found.origin if found and found.origin else "").parent / "python" / "pyspark" / "shell.py"
    os.execve(sys.executable, [sys.executable, "-i"], {**variables, "PYTHONSTARTUP": str(shell)})
