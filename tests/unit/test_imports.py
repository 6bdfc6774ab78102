"""The layout's import rule: arrows between folders go one way only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from lakehouse.settings import CHECKOUT

OURS = {"api", "benchmarks", "dags", "expectations", "jobs", "lakehouse", "tests"}
MAY_IMPORT = {
    "lakehouse": set(),
    "api": {"lakehouse"},
    "jobs": {"lakehouse", "expectations"},
    "expectations": {"lakehouse"},
    "dags": {"lakehouse"},
    "benchmarks": {"lakehouse", "jobs"},
}
HEAVY = {"pyspark", "airflow", "great_expectations"}


def imports(folder: Path) -> set[tuple[str, str]]:
    """(file, top-level name) of every import in the folder, those inside functions included."""
    found = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            found |= {(str(file.relative_to(CHECKOUT)), name.partition(".")[0]) for name in names}
    return found


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_a_folder_imports_only_what_the_layout_allows(folder: str) -> None:
    seen = imports(CHECKOUT / folder)
    assert seen
    allowed = {folder} | MAY_IMPORT[folder]
    assert {(file, name) for file, name in seen if name in OURS - allowed} == set()


@pytest.mark.parametrize("folder", ["lakehouse", "api"])
def test_what_all_parts_share_needs_neither_spark_nor_airflow(folder: str) -> None:
    assert {(file, name) for file, name in imports(CHECKOUT / folder) if name in HEAVY} == set()
