"""The layout's import rules: imports between folders and between rooms go one way only, and form no circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from lakehouse.settings import CHECKOUT

OURS = ("api", "benchmarks", "dags", "expectations", "jobs", "lakehouse", "operations", "release", "stack", "tests")
MAY_IMPORT = {
    "lakehouse": set(),
    "api": {"lakehouse"},
    "expectations": {"lakehouse"},
    "stack": {"lakehouse"},
    "jobs": {"lakehouse", "expectations"},
    "operations": {"lakehouse", "stack"},
    "dags": {"lakehouse", "operations", "expectations"},
    "release": {"lakehouse", "stack"},
    "benchmarks": {"lakehouse", "jobs", "stack", "operations", "expectations"},
}
# Inside a folder: what a room (a folder in it, or "" for the files directly there) may import of the other rooms.
ROOMS: Mapping[str, Mapping[str, set[str]]] = {
    "lakehouse": {
        "": set(),
        "ledger": {""},
        "contract": {"", "ledger"},
        "clients": {"", "ledger"},
        "catalog": {"", "ledger", "contract", "clients"},
    },
    "stack": {
        "": set(),
        "containers": {"", "state"},
        "loads": {""},
        "state": {""},
        "tools": {""},
    },
    "jobs": {
        "delta": set(),
        "ledger": {"delta"},
        "judging": set(),
        "runtime": {"delta", "ledger", "judging"},
        "raw": {"delta", "ledger", "judging", "runtime"},
        "daily": {"delta", "ledger", "judging", "runtime"},
        "upkeep": {"delta", "ledger", "judging", "runtime", "daily"},
        "staging": {"delta", "ledger", "judging", "runtime", "raw"},
        "entries": {"delta", "ledger", "judging", "runtime", "raw", "daily", "upkeep", "staging"},
        "live": {"delta", "ledger", "judging", "runtime", "raw", "daily", "upkeep", "staging"},
        "": {"delta", "ledger", "judging", "runtime", "raw", "daily", "upkeep", "staging", "entries", "live"},
    },
}
HEAVY = {"pyspark", "airflow", "great_expectations"}
ENTRY_POINT_LINES = 50


class Import(NamedTuple):
    """`module` imports `name`, a dotted name of ours or the first part of a library's. `types`: for types only."""

    module: str
    name: str
    types: bool


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(file) for folder in OURS for file in (CHECKOUT / folder).rglob("*.py")}


def imports(file: Path) -> Iterator[Import]:
    """Every import of a file, those inside functions included."""
    tree = ast.parse(file.read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [
                f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in MODULES else node.module
                for alias in node.names
            ]
        else:
            continue
        yield from (Import(module_of(file), name, id(node) in for_types) for name in names)


def all_imports(folder: str) -> set[Import]:
    return {each for file in (CHECKOUT / folder).rglob("*.py") for each in imports(file)}


def room(module: str) -> str:
    """`delta` of jobs.delta.writes, "" of jobs.drain and of jobs itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and (CHECKOUT / parts[0] / parts[1]).is_dir() else ""


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_a_folder_imports_only_what_the_layout_allows(folder: str) -> None:
    seen = all_imports(folder)
    assert seen
    allowed = {folder} | MAY_IMPORT[folder]
    assert {each for each in seen if each.name.partition(".")[0] in set(OURS) - allowed} == set()


@pytest.mark.parametrize("folder", ROOMS)
def test_a_room_imports_only_the_rooms_below_it(folder: str) -> None:
    """What a job is made of names the type of the job that it is handed; such an import is for types only."""
    rooms = ROOMS[folder]
    assert set(rooms) - {""} == {path.parent.name for path in (CHECKOUT / folder).glob("*/__init__.py")}
    wrong = {
        each
        for each in all_imports(folder)
        if each.name.partition(".")[0] == folder
        and not each.types
        and room(each.name) not in rooms[room(each.module)] | {room(each.module)}
    }
    assert wrong == set()


@pytest.mark.parametrize("folder", ["lakehouse", "api", "operations", "release", "stack"])
def test_what_all_parts_share_needs_neither_spark_nor_airflow(folder: str) -> None:
    assert {each for each in all_imports(folder) if each.name.partition(".")[0] in HEAVY} == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside functions count: put there to hide a circle, they would be found when they run, or never."""
    waiting: dict[str, set[str]] = {module: set() for module in MODULES}
    for folder in OURS:
        for each in all_imports(folder):
            if not each.types and each.name in MODULES and each.name != each.module:
                waiting[each.module].add(each.name)
    while free := {module for module, names in waiting.items() if not names}:
        waiting = {module: names - free for module, names in waiting.items() if module not in free}
    assert waiting == {}


def test_directly_in_jobs_are_entry_points_only() -> None:
    for file in (CHECKOUT / "jobs").glob("*.py"):
        text = file.read_text()
        assert len(text.splitlines()) <= ENTRY_POINT_LINES, file
        assert file.name == "__init__.py" or '\nif __name__ == "__main__":\n' in text, file


def test_no_job_waits_for_jsonschema_to_make_a_parser_of_addresses() -> None:
    assert find_spec("rfc3987_syntax") is None  # see requirements/overrides.txt
