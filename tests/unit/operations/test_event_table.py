"""The README says what the contracts say."""

from __future__ import annotations

import re
from pathlib import Path

from lakehouse.contract.load import load_contracts
from lakehouse.settings import CHECKOUT, Settings
from operations.event_table import markdown

README = (CHECKOUT / "README.md").read_text()


def test_the_table_of_event_types_is_that_of_the_contracts() -> None:
    found = re.search(r"<!-- event types: .*? -->\n(.*?)<!-- end of event types -->", README, re.DOTALL)
    assert found
    assert found[1].strip() == markdown(load_contracts(Settings().contracts)).strip(), "run `lakehouse readme`"


def test_the_example_of_a_new_event_type_is_a_contract(tmp_path: Path) -> None:
    found = re.search(r"```yaml\n(\$schema:.*?)```", README, re.DOTALL)
    assert found
    (tmp_path / "purchase_shield.yaml").write_text(found[1])
    (contract,) = load_contracts(tmp_path).values()
    assert [field.name for field in contract.fields] == ["shield", "strength"]
    assert contract.facts.sales
