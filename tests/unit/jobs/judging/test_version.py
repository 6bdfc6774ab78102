"""The version of judging changes with contracts, rules and code, and knows all of the code that judges."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from jobs.judging import version
from lakehouse.contract.load import load_contracts
from lakehouse.settings import CHECKOUT, Settings
from tests.real import contracts_with

SETTINGS = Settings()
# Modules that judging imports and that say nothing of what becomes of a message, or say it in the contracts' hash.
ELSEWHERE = {
    "expectations.results": "what the audit finds is in the decision",
    "lakehouse.settings": "where the files are",
    "lakehouse.ledger.entries": "the ledger's rows",
    "lakehouse.clients.files": "where files are",
    "jobs.raw.raw_events": "how raw is written",
    "jobs.runtime.job": "what a job is handed",
    "jobs.staging.files": "reads and writes what others judged",
    "jobs.delta.writes": "how a row is committed",
    "jobs.delta.conflicts": "how a row is committed",
    "lakehouse.ledger.offsets": "ranges of offsets",
    "lakehouse.ledger.selection": "the selection of a request",
    "lakehouse.clients.trino": "questions to Trino",
    "lakehouse.names": "names of tables",
    "lakehouse.catalog.tables": "columns of tables, their types and comments",
}


def own_imports(module: str) -> set[str]:
    """The modules of ours that a module imports."""
    path = CHECKOUT / Path(*module.split(".")).with_suffix(".py")
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if (CHECKOUT / Path(*name.split(".")).with_suffix(".py")).is_file()}


def test_every_module_that_judges_is_part_of_the_version() -> None:
    known = {f"{package}.{module.removesuffix('.py').replace('/', '.')}" for package, module in version.CODE}
    todo = {"jobs.judging.judge", "jobs.staging.candidates", "jobs.staging.refusals", "expectations.row_rules"}
    todo |= {"lakehouse.contract.load"}
    seen: set[str] = set()
    while todo:
        module = todo.pop()
        seen.add(module)
        if module in known:
            todo |= own_imports(module) - seen
    assert seen - known - set(ELSEWHERE) == set()
    assert known <= seen


def test_contracts_and_rules_and_code_each_change_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contracts = load_contracts(SETTINGS.contracts)
    before = version.hash_of(contracts, SETTINGS.rules)
    assert version.hash_of(contracts, SETTINGS.rules) == before
    rules = tmp_path / "rules"
    rules.mkdir()
    for file in SETTINGS.rules.glob("*.yaml"):
        (rules / file.name).write_text(file.read_text().replace("1000000000", "1000000001"))
    other = load_contracts(contracts_with(tmp_path / "contracts", "purchase_sword", description="Another."))
    monkeypatch.setattr(version, "CODE", version.CODE[:-1])
    version.code_hash.cache_clear()
    changed_code = version.hash_of(contracts, SETTINGS.rules)
    monkeypatch.undo()
    version.code_hash.cache_clear()
    versions = [before, version.hash_of(contracts, rules), version.hash_of(other, SETTINGS.rules)]
    assert len({*versions, changed_code}) == 4
