"""Reads the contracts: YAML files that define the event types.

Refuses what some reader would understand differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from lakehouse.contract.form import ContractForm, EnvelopeForm
from lakehouse.contract.keywords import json_type, nullable
from lakehouse.contract.model import (
    TABLE_COLUMNS,
    Contract,
    ContractError,
    Contracts,
    Facts,
    Field,
    Rule,
    hash_of,
)
from lakehouse.faults import first_fault

ENVELOPE_FILE = Path(__file__).with_name("envelope.yaml")

_Form = TypeVar("_Form", bound=EnvelopeForm)


def load_contracts(folder: Path, envelope_file: Path = ENVELOPE_FILE) -> Contracts:
    """Reads and checks every contract of the folder.

    Raises:
        ContractError: names file and place of the first thing that is wrong.
    """
    envelope_schema = _read(envelope_file)
    envelope = _fields(_checked(envelope_file, envelope_schema, EnvelopeForm))
    reserved = frozenset(field.name for field in envelope) | frozenset(TABLE_COLUMNS)
    contracts = [_contract(file, _read(file), reserved) for file in _files(folder)]
    _check_together(folder, contracts)
    return Contracts(contracts, envelope, envelope_schema)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ContractError(f"{folder}: is no folder; contracts are files <event_type>.yaml in one folder")
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    for file in files:
        if file.suffix != ".yaml" or not file.is_file():
            raise ContractError(f"{file}: would be ignored; a contract is a file named <event_type>.yaml")
    if not files:
        raise ContractError(f"{folder}: holds no contract; add <event_type>.yaml")
    return files


def _check_together(folder: Path, contracts: Sequence[Contract]) -> None:
    tables: dict[str, str] = {}
    metrics: dict[str, str] = {}
    for contract in contracts:
        file = folder / f"{contract.event_type}.yaml"
        if contract.table in tables:
            other = tables[contract.table]
            raise ContractError(
                f"{file}: x-table: {contract.table} is also the table of {other}; one table holds one type"
            )
        tables[contract.table] = contract.event_type
        # Kafka does not tell . from _ in the names of metrics, so it refuses a topic whose name differs only by that.
        alike = metrics.setdefault(contract.topic.replace(".", "_"), contract.topic)
        if alike != contract.topic:
            raise ContractError(
                f"{file}: x-topic: {contract.topic} and {alike} differ only in . and _; Kafka refuses that"
            )


# --- reading one file -------------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """YAML that refuses a key written twice, instead of keeping the second value silently."""


def _unique_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise yaml.YAMLError(f"line {key_node.start_mark.line + 1}: the key {key!r} is no text; put it in quotes")
        if key in found:
            raise yaml.YAMLError(f"line {key_node.start_mark.line + 1}: the key {key!r} is written twice")
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)


def _read(file: Path) -> dict[str, Any]:
    try:
        document = yaml.load(file.read_text(encoding="utf-8"), _Loader)  # a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(f"{file}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise ContractError(f"{file}: is no usable YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise ContractError(f"{file}: is no mapping; see the contracts beside it for the form")
    return document


def _checked(file: Path, document: dict[str, Any], form: type[_Form]) -> _Form:
    try:
        return form.model_validate(document)
    except ValidationError as error:
        raise _error(file, *first_fault(error)) from None


def _contract(file: Path, document: dict[str, Any], reserved: frozenset[str]) -> Contract:
    form = _checked(file, document, ContractForm)
    if form.title != file.stem:
        raise _error(file, ("title",), f"is {form.title!r}; it must be the file's name, {file.stem!r}")
    for name in form.properties:
        if name in reserved:
            raise _error(file, ("properties", name), "is a column of every event table; take another name")
    return Contract(
        event_type=form.title,
        version=form.version,
        description=form.description,
        owner=form.owner,
        topic=form.topic,
        table=form.table,
        fields=_fields(form),
        rules=tuple(Rule(**rule.model_dump()) for rule in form.rules),
        personal=tuple(form.personal),
        schema={key: value for key, value in document.items() if not key.startswith("x-")},
        hash=hash_of(document),
        facts=Facts(**form.facts.model_dump(exclude_unset=True)),
    )


def _fields(form: EnvelopeForm) -> tuple[Field, ...]:
    return tuple(
        Field(
            name, json_type(each), nullable(each), name in form.required, each.get("default"), each, each["description"]
        )
        for name, each in form.properties.items()
    )


def _error(file: Path, place: Sequence[str | int], problem: str) -> ContractError:
    return ContractError(f"{file}: {'.'.join(map(str, place)) or 'top level'}: {problem}")
