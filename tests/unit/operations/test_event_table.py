"""The README says what the contracts say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from lakehouse.contract.load import load_contracts
from lakehouse.settings import CHECKOUT, Settings
from operations import size_report
from operations.cli import main
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


def test_the_command_writes_the_table_between_its_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, table = tmp_path / "README.md", markdown(load_contracts(Settings().contracts))
    scale = tmp_path / "docs" / "scale.md"
    scale.parent.mkdir()
    scale.write_text("before\n<!-- sizes: made -->\nold\n<!-- end of sizes -->\nbehind\n")
    file.write_text("before\n<!-- event types: made -->\nold\nold\n<!-- end of event types -->\nbehind\n")
    monkeypatch.setattr("lakehouse.settings.CHECKOUT", tmp_path)
    assert CliRunner().invoke(main, ["readme"]).exit_code == 0
    written = f"before\n<!-- event types: made -->\n{table}<!-- end of event types -->\nbehind\n"
    assert file.read_text() == written
    sizes = size_report.markdown(load_contracts(Settings().contracts))
    assert scale.read_text() == f"before\n<!-- sizes: made -->\n{sizes}<!-- end of sizes -->\nbehind\n"
    file.write_text("nothing")
    result = CliRunner().invoke(main, ["readme"])
    words = f"Error: {file} has no place for its table (<!-- event types: ... -->)\n"
    assert (result.exit_code, result.output, file.read_text()) == (1, words, "nothing")


def test_a_field_is_written_with_type_limits_and_whether_it_must_be_there(tmp_path: Path) -> None:
    fields: dict[str, dict[str, Any]] = {
        "a": {"type": ["string", "null"], "format": "uuid"},
        "b": {"type": "number", "minimum": 0.5, "maximum": 12_000},
        "c": {"type": "array", "items": {"type": "integer"}},
        "d": {
            "type": "array",
            "items": {"type": "object", "properties": {"x": {"type": "string", "description": "x"}}},
        },
        "e": {"type": "string", "pattern": "^(?:a|b)$", "default": "a"},
        "f": {"type": "string", "enum": ["x", "y"]},
    }
    contract = {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "sample", "description": "It\nhappened.",
        "x-topic": "events", "x-table": "samples", "x-owner": "x", "x-version": 1, "type": "object", "required": ["f"],
        "properties": {name: schema | {"description": "x"} for name, schema in fields.items()},
    }  # fmt: skip
    (tmp_path / "sample.yaml").write_text(yaml.safe_dump(contract, sort_keys=False))
    listed = [
        "`a`: string or null, uuid, optional",
        "`b`: number, ≥ 0.5, ≤ 12,000, optional",
        "`c`: list of integer, optional",
        "`d`: list of {x}, optional",
        "`e`: string, `^(?:a\\|b)$`, default `a`",
        "`f`: `x` or `y`, required",
    ]
    assert markdown(load_contracts(tmp_path)) == (
        "| event type | what happened | own fields | topic | table |\n|---|---|---|---|---|\n"
        f"| `sample` | It happened. | {'<br>'.join(listed)} | `events` | `game.samples` |\n"
    )
    contract |= {"properties": {}, "required": []}
    (tmp_path / "sample.yaml").write_text(yaml.safe_dump(contract, sort_keys=False))
    assert "| It happened. | - | `events` |" in markdown(load_contracts(tmp_path))
