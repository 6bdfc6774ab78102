"""A reason code that a form, a help text or a guide gives as an example is one that quarantine can hold."""

from __future__ import annotations

import re

from expectations.rulebook import CRITICAL, load_rules
from lakehouse.contract.load import load_contracts
from lakehouse.settings import CHECKOUT, Settings

CODE = re.compile(r"\b(rule|audit):([a-z][a-z_]*)")
FOLDERS = ("dags/*.py", "operations/commands/*.py", "operations/quarantine.py", "README.md", "docs/*.md")


def test_each_example_of_a_reason_code_names_a_rule_of_its_kind() -> None:
    rules = {rule.name for contract in load_contracts(Settings.load().contracts).values() for rule in contract.rules}
    audits = {rule.name for rule in load_rules(CHECKOUT / "expectations" / "rules") if rule.severity == CRITICAL}
    known = {"rule": rules, "audit": audits}
    found = [
        (str(file.relative_to(CHECKOUT)), kind, name)
        for pattern in FOLDERS
        for file in sorted(CHECKOUT.glob(pattern))
        for kind, name in CODE.findall(file.read_text())
    ]
    assert len(found) >= 2
    assert [each for each in found if each[2] not in known[each[1]]] == []
