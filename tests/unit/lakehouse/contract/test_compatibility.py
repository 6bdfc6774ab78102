"""Within a version a contract only grows by optional fields, in every commit that ever changed it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from lakehouse.contract.compatibility import breaking_changes
from lakehouse.contract.load import load_contracts
from lakehouse.contract.model import Contract
from lakehouse.settings import CHECKOUT, Settings

FOLDER, FORMER_FOLDER = "contracts", "lakehouse/contracts"
CONTRACTS = load_contracts(Settings().contracts)


def changed(tmp_path: Path, **keys: object) -> Contract:
    """purchase_horse with other top-level keys."""
    document = yaml.safe_load((CHECKOUT / FOLDER / "purchase_horse.yaml").read_text())
    document.update(keys)
    (tmp_path / "purchase_horse.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return load_contracts(tmp_path)["purchase_horse"]


HORSE = CONTRACTS["purchase_horse"]
PROPERTIES = HORSE.schema["properties"]


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"properties": {**PROPERTIES, "breed": {"type": "string", "description": "d"}}}, None),
        ({"description": "Other words."}, None),
        ({"x-version": HORSE.version + 1, "x-table": "other_horses"}, None),
        ({"x-version": HORSE.version + 1, "required": []}, None),
        ({"x-table": "other_horses"}, "table changed"),
        ({"x-topic": "other"}, "topic changed"),
        ({"properties": {**PROPERTIES, "quantity": {**PROPERTIES["quantity"], "maximum": 9}}}, "quantity is checked"),
        ({"properties": {**PROPERTIES, "size": {"type": "string", "description": "d"}}}, "size is checked otherwise"),
        (
            {
                "properties": {**PROPERTIES, "breed": {"type": "string", "description": "d"}},
                "required": ["speed", "size", "quantity", "breed"],
            },
            "breed is new and required",
        ),
    ],
)
def test_only_optional_fields_may_come_within_a_version(
    tmp_path: Path, keys: dict[str, object], says: str | None
) -> None:
    found = breaking_changes(HORSE, changed(tmp_path, **keys))
    assert (not found) if says is None else (len(found) == 1 and says in found[0])


def test_a_field_may_not_go_or_become_required(tmp_path: Path) -> None:
    wider = changed(tmp_path, properties={**PROPERTIES, "breed": {"type": "string", "description": "d"}})
    assert breaking_changes(wider, HORSE) == ["purchase_horse.breed is gone"]
    optional = changed(tmp_path, required=["speed", "size"])
    assert breaking_changes(optional, HORSE) == ["purchase_horse.quantity became required"]


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


@pytest.mark.parametrize("event_type", CONTRACTS)
def test_every_committed_version_of_a_contract_follows_the_one_before(event_type: str, tmp_path: Path) -> None:
    files = [f"{folder}/{event_type}.yaml" for folder in (FOLDER, FORMER_FOLDER)]
    versions = []
    for commit in git("log", "--format=%H", "--reverse", "--", *files).split():
        for file in git("ls-tree", "-r", "--name-only", commit, "--", *files).split():  # none where it was deleted
            folder = tmp_path / commit
            folder.mkdir()
            (folder / f"{event_type}.yaml").write_text(git("show", f"{commit}:{file}"))
            versions.append(load_contracts(folder)[event_type])
    for old, new in zip(versions, [*versions[1:], CONTRACTS[event_type]], strict=bool(versions)):
        assert breaking_changes(old, new) == []


def test_each_breaking_change_is_one_whole_sentence(tmp_path: Path) -> None:
    properties = {"breed": {"type": "string", "description": "d"}, "size": {"type": "string", "description": "d"}}
    keys = {"x-table": "others", "x-topic": "other", "properties": properties, "required": ["breed", "size"]}
    assert breaking_changes(HORSE, changed(tmp_path, **keys)) == [
        "purchase_horse: topic changed from events to other",
        "purchase_horse: table changed from horse_purchases to others",
        "purchase_horse.speed is gone",
        "purchase_horse.size is checked otherwise",
        "purchase_horse.quantity is gone",
        "purchase_horse.breed is new and required",
    ]
    older = changed(tmp_path, **{"x-version": HORSE.version - 1})
    assert breaking_changes(HORSE, older) == [
        f"purchase_horse: version {HORSE.version - 1} is smaller than {HORSE.version}"
    ]


def test_a_field_may_become_optional_and_its_words_may_change(tmp_path: Path) -> None:
    words = {name: {**schema, "description": "other"} for name, schema in PROPERTIES.items()}
    assert breaking_changes(HORSE, changed(tmp_path, required=["speed"], properties=words)) == []
