"""Every example is what it says, every contract has examples, and every keyword in use is hit by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lakehouse.contract.evaluate import Fields, own_fields
from lakehouse.contract.keywords import checks
from lakehouse.contract.load import load_contracts
from lakehouse.contract.model import Contract
from lakehouse.settings import CHECKOUT

EXAMPLES = CHECKOUT / "tests" / "examples"
CONTRACTS = load_contracts(CHECKOUT / "contracts")
FILES = sorted(path for path in EXAMPLES.rglob("*") if path.is_file())


def reason(contract: Contract, event: dict[str, Any]) -> str | None:
    """The reason code of the schema checks; `event` is the own fields and perhaps some of the envelope's."""
    faults = Fields(CONTRACTS.envelope_schema["properties"], ()).faults(event) + own_fields(contract).faults(event)
    return f"schema:{faults[0].field}:{faults[0].keyword}" if faults else None


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(EXAMPLES)))
def test_an_example_is_what_its_folder_and_reason_code_say(file: Path) -> None:
    event_type, kind = file.relative_to(EXAMPLES).parts[:2]
    example = json.loads(file.read_text())
    contract = CONTRACTS[event_type]
    if kind == "valid":
        assert set(example) == {"event"}
        assert reason(contract, example["event"]) is None
    else:
        assert kind == "invalid"
        assert set(example) == {"event", "reason_code"}
        code = example["reason_code"]
        if code.startswith("rule:"):  # Spark alone checks rules
            assert code.removeprefix("rule:") in [rule.name for rule in contract.rules]
            assert reason(contract, example["event"]) is None
        else:
            assert reason(contract, example["event"]) == code


@pytest.mark.parametrize("event_type", CONTRACTS)
def test_an_event_type_has_examples_of_both_kinds(event_type: str) -> None:
    assert len(list((EXAMPLES / event_type / "valid").glob("*.json"))) >= 1
    assert len(list((EXAMPLES / event_type / "invalid").glob("*.json"))) >= 1


@pytest.mark.parametrize("event_type", CONTRACTS)
def test_every_check_and_rule_of_a_contract_refuses_an_example(event_type: str) -> None:
    contract = CONTRACTS[event_type]
    codes = {json.loads(file.read_text())["reason_code"] for file in (EXAMPLES / event_type / "invalid").glob("*.json")}
    expected = {
        f"schema:{check.field}:{check.keyword}"
        for check in checks(contract.schema["properties"], contract.schema.get("required", ()))
    } | {f"rule:{rule.name}" for rule in contract.rules}
    assert expected <= codes


def test_no_file_lies_outside_the_form() -> None:
    for file in FILES:
        parts = file.relative_to(EXAMPLES).parts
        assert (
            len(parts) == 3 and parts[0] in CONTRACTS and parts[1] in ("valid", "invalid") and file.suffix == ".json"
        ), file
