"""Jobs of a warm Spark are started without a JVM that would do nothing, by the command that Airflow's hook builds."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakehouse.settings import CHECKOUT, Settings

if TYPE_CHECKING:
    from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

PROGRAM = "import os, sys; print(sys.argv[1:], os.getpid()); sys.exit(3)"


def task_of(settings: Settings) -> SparkSubmitOperator:
    from lakehouse_tasks import spark_task

    return spark_task("drain", settings=settings, limit=dt.timedelta(minutes=1), if_it_fails="")


def test_the_command_of_the_hook_becomes_the_program_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", '{"conn_type": "spark", "host": "local[2]"}')
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    program = tmp_path / "a job.py"
    program.write_text(PROGRAM)
    task = task_of(Settings(spark_remote="sc://somewhere:15002"))
    task.application_args = ["--day=2026-11-22", "--why=it's $HOME", "--run", "a/b"]
    command = task._get_hook()._build_spark_submit_command(str(program))
    assert Path(command[0]) == CHECKOUT / "jobs" / "warm-submit" and os.access(command[0], os.X_OK)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    output, _ = process.communicate(timeout=30)
    assert output.split("\n")[0] == f"['--day=2026-11-22', \"--why=it's $HOME\", '--run', 'a/b'] {process.pid}"
    assert process.returncode == 3


def test_without_a_program_it_says_so() -> None:
    command = [str(CHECKOUT / "jobs" / "warm-submit"), "--verbose", "--master", "local[2]", "job.jar"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "no Python program" in done.stderr


def test_a_spark_of_the_jobs_own_is_started_by_spark_submit() -> None:
    assert task_of(Settings(spark_remote=None))._spark_binary == "spark-submit"
