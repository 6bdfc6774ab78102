"""`lakehouse pyspark` on the warm Spark of the stack: its shell, and a program of one's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse.settings import CHECKOUT
from tests.real import Real

pytestmark = pytest.mark.timeout(600)

COUNT = 'print("counted", spark.table("ops.ledger").where("entry_id < 0").count())\n'


def pyspark(*arguments: str, typed: str = "") -> str:
    command = [sys.executable, "-m", "operations.cli", "pyspark", *arguments]
    done = subprocess.run(command, cwd=CHECKOUT, input=typed, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_shell_has_a_session_that_knows_the_tables(stack: Real) -> None:
    assert "counted 0" in pyspark(typed=COUNT)


def test_a_program_finds_the_same_spark(stack: Real, tmp_path: Path) -> None:
    program = tmp_path / "count.py"
    program.write_text(f"from pyspark.sql import SparkSession\nspark = SparkSession.builder.getOrCreate()\n{COUNT}")
    assert pyspark(str(program)).strip() == "counted 0"
