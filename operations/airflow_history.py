"""Deletes what Airflow keeps of old runs, in its database and as logs: a run a minute would fill a disk within a year."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
from pathlib import Path

from lakehouse.clients.airflow import AirflowError
from lakehouse.settings import CHECKOUT, Settings
from stack.environment import airflow_environment, local_settings, python_bin, secret_files

# Not `dag` and `dag_version`: those are the DAGs themselves. What hangs on a run or a task goes with it.
TABLES = (
    "dag_run", "task_instance", "task_instance_history", "task_reschedule", "xcom", "log", "job", "trigger", "callback",
    "deadline", "import_error", "revoked_token",
)  # fmt: skip
ROWS_AT_ONCE = 1_000  # Airflow's scheduler waits meanwhile where the database is SQLite
SECONDS = 1_800


def forget_old_runs(settings: Settings, now: dt.datetime) -> str:
    """Deletes runs that began more than `airflow_history_days` before `now`, but for each schedule's last one.

    Returns:
        A sentence that says what was done.

    Raises:
        AirflowError: its database could not be cleaned; the next day's run tries again.
    """
    settings = local_settings(settings)
    if not secret_files(settings.state)["airflow_keys"].exists():
        return "this Airflow is not of this stack; let its `airflow db clean` run regularly"
    before = now - dt.timedelta(days=settings.airflow_history_days)
    _clean_database(settings, before)
    deleted = delete_old_files(settings.state / "logs" / "airflow", before)
    return f"Airflow's runs before {before:%Y-%m-%d %H:%M} UTC are deleted, and {deleted:,} files of logs"


def delete_old_files(folder: Path, before: dt.datetime) -> int:
    """Deletes files below the folder that were last written before that time, and folders that are empty then."""
    deleted = 0
    for inner, _, names in os.walk(folder, topdown=False):
        for name in names:
            file = Path(inner, name)
            if not file.is_symlink() and file.stat().st_mtime < before.timestamp():
                file.unlink()
                deleted += 1
        if Path(inner) != folder and not any(Path(inner).iterdir()):
            Path(inner).rmdir()
    return deleted


def _clean_database(settings: Settings, before: dt.datetime) -> None:
    command = [str(python_bin() / "airflow"), "db", "clean", "--yes", "--skip-archive", "--error-on-cleanup-failure"]
    command += ["--clean-before-timestamp", before.isoformat(), "--batch-size", str(ROWS_AT_ONCE)]
    command += ["--tables", ",".join(TABLES)]
    environment = os.environ | airflow_environment(settings)
    try:
        done = subprocess.run(
            command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise AirflowError(f"`airflow db clean` had not ended after {SECONDS} s") from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise AirflowError(f"`airflow db clean` ended with {done.returncode}: {''.join(last)}")
