"""The guides are as the code is: every named error has its line, every file and test that is named is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.settings import CHECKOUT

DOCS = CHECKOUT / "docs"
SOURCES = [
    path
    for folder in ("lakehouse", "jobs", "expectations", "api", "operations", "stack")
    for path in (CHECKOUT / folder).rglob("*.py")
]


def errors() -> set[str]:
    """Names of all exception classes that the project defines."""
    found: set[str] = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            bases = {base.id for base in getattr(node, "bases", []) if isinstance(base, ast.Name)}
            if isinstance(node, ast.ClassDef) and (bases & {"Exception", "ValueError", "RuntimeError"}):
                found.add(node.name)
    return found


def test_the_runbook_says_what_to_do_about_every_named_error() -> None:
    text = (DOCS / "runbook.md").read_text()
    assert {"OffsetsError", "BalanceError"} <= errors()
    assert sorted(name for name in errors() if f"`{name}`" not in text) == []


@pytest.mark.parametrize("name", ["guarantees.md", "runbook.md", "scale.md"])
def test_every_test_file_command_and_dag_that_a_guide_names_is_there(name: str) -> None:
    text = (DOCS / name).read_text()
    paths = set(re.findall(r"`((?:tests|docs|lakehouse|jobs|operations|stack|contracts|expectations)/[\w/.-]+)`", text))
    assert sorted(path for path in paths if not (CHECKOUT / path).exists()) == []
    commands = set(re.findall(r"`lakehouse ([a-z-]+)", text))
    files = {path.stem.replace("_", "-") for path in (CHECKOUT / "operations" / "commands").glob("*.py")}
    assert sorted(commands - files) == []
    assert commands or name != "runbook.md"


def test_the_tests_that_the_guarantees_name_exist() -> None:
    text = (DOCS / "guarantees.md").read_text()
    defined = "\n".join(path.read_text() for path in Path(CHECKOUT / "tests").rglob("test_*.py"))
    named = re.findall(r"`(test_\w+?)(?:\.\.\.)?`", text)
    assert named
    assert [test for test in named if f"def {test}" not in defined] == []


MOST = 120
MADE = {"docs/licences.md", "docs/faults/README.md", "docs/faults/cluster.md", "benchmarks/results.md"}  # by programs
PAGES = sorted(
    name
    for file in [*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md"), *(CHECKOUT / "benchmarks").glob("*.md")]
    if (name := str(file.relative_to(CHECKOUT))) not in MADE
)


def prose(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers; without tables, pictures, code and what is one long word."""
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith(("|", "!", "    ", "#")) and " " in line.strip():
            yield number, line


@pytest.mark.parametrize("page", PAGES)
def test_prose_wraps(page: str) -> None:
    lines = prose((CHECKOUT / page).read_text())
    assert [f"{page}:{number}" for number, line in lines if len(line) > MOST] == []


def test_code_and_tables_may_be_wider() -> None:
    wide = "x " * 100
    assert list(prose(f"```\n{wide}\n```\n| {wide} |\n{wide}\n")) == [(5, wide)]
