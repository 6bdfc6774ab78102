"""The dbt project in dbt/: its environment, what it is told of the stack, and dbt in the place of this process."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NoReturn
from urllib.parse import urlsplit

from lakehouse.settings import CHECKOUT, Settings
from stack.environment import local_settings
from stack.errors import StackError

PROJECT = CHECKOUT / "dbt"
DBT = CHECKOUT / ".venv-dbt" / "bin" / "dbt"


def environment(settings: Settings) -> dict[str, str]:
    """The variables that tell dbt where Trino is; what dbt writes goes into the state folder."""
    settings = local_settings(settings)
    home = settings.state / "dbt"
    trino = urlsplit(settings.trino_url)
    return {
        **{name: os.environ[name] for name in ("PATH", "LANG", "TERM", "NO_COLOR") if name in os.environ},
        "HOME": str(home),
        "DBT_PROJECT_DIR": str(PROJECT),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_TARGET_PATH": str(home / "target"),
        "DBT_LOG_PATH": str(home / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "LAKEHOUSE_TRINO_SCHEME": trino.scheme,
        "LAKEHOUSE_TRINO_HOST": trino.hostname or "",
        "LAKEHOUSE_TRINO_PORT": str(trino.port or {"https": 443}.get(trino.scheme, 80)),
    }


def become_dbt(settings: Settings, arguments: Sequence[str]) -> NoReturn:
    """Ends this process's own work: from here on its terminal and its exit status are dbt's.

    Raises:
        StackError: the environment of dbt is not there.
    """
    if not DBT.exists():
        raise StackError("the environment of dbt is not there: run `make dbt` once")
    variables = environment(settings)
    (settings.state.absolute() / "dbt").mkdir(parents=True, exist_ok=True)
    os.chdir(PROJECT)
    os.execve(DBT, [str(DBT), *arguments], variables)
