"""The version of judging changes with contracts, rules and code, and knows all of the code that judges."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from jobs import judging_version
from lakehouse.contract import load_contracts
from lakehouse.settings import CHECKOUT, Settings
from tests.real import contracts_with

SETTINGS = Settings()
# Modules that judging imports and that say nothing of what becomes of a message, or say it in the contracts' hash.
ELSEWHERE = {
    "expectations.audit": "what the audit finds is in the decision",
    "lakehouse.settings": "where the files are",
    "jobs.ledger": "the ledger's rows",
    "jobs.delta_writes": "how a row is committed",
    "jobs.conflicts": "how a row is committed",
    "lakehouse.offsets": "ranges of offsets",
    "lakehouse.quarantine": "the selection of a request",
    "lakehouse.query": "questions to Trino",
    "lakehouse.names": "names of tables",
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
    known = {f"{package}.{module.removesuffix('.py')}" for package, module in judging_version.CODE}
    todo, seen = {"jobs.checks", "jobs.refusals", "expectations.row_rules"}, set()
    while todo:
        module = todo.pop()
        seen.add(module)
        if module in known:
            todo |= own_imports(module) - seen
    assert seen - known - set(ELSEWHERE) == set()
    assert known <= seen


def test_contracts_and_rules_and_code_each_change_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contracts = load_contracts(SETTINGS.contracts)
    before = judging_version.hash_of(contracts, SETTINGS.rules)
    assert judging_version.hash_of(contracts, SETTINGS.rules) == before
    rules = tmp_path / "rules"
    rules.mkdir()
    for file in SETTINGS.rules.glob("*.yaml"):
        (rules / file.name).write_text(file.read_text().replace("1000000000", "1000000001"))
    other = load_contracts(contracts_with(tmp_path / "contracts", "purchase_sword", description="Another."))
    monkeypatch.setattr(judging_version, "CODE", judging_version.CODE[:-1])
    changed_code = judging_version.hash_of(contracts, SETTINGS.rules)
    monkeypatch.undo()
    versions = [before, judging_version.hash_of(contracts, rules), judging_version.hash_of(other, SETTINGS.rules)]
    assert len({*versions, changed_code}) == 4
