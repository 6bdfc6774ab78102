"""The whole description of the API equals the reviewed file, so that a change for clients shows in one file."""

from __future__ import annotations

from pathlib import Path

import yaml

from api.openapi import docs_page, openapi
from api.routes import ROUTES
from lakehouse.contract.model import Contracts
from lakehouse.version import VERSION
from tests.unit.api.conftest import CONTRACTS

REVIEWED = Path(__file__).with_name("description.yaml")


class _InFull(yaml.SafeDumper):
    """Writes what comes twice twice."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def test_openapi_and_docs_are_what_was_reviewed(tmp_path: Path) -> None:
    """Of the event types that have routes of their own; a further type is one more of the same form."""
    types = sorted({route.event_type for route in ROUTES})
    contracts = Contracts([CONTRACTS[each] for each in types], CONTRACTS.envelope, CONTRACTS.envelope_schema)
    document = openapi(contracts)
    assert document["info"].pop("version") == VERSION  # the one thing that a release alone changes
    content = {"openapi": document, "docs": docs_page(contracts).replace("</tr>", "</tr>\n").splitlines()}
    found = yaml.dump(content, Dumper=_InFull, sort_keys=False, width=1000, allow_unicode=True)
    (tmp_path / REVIEWED.name).write_text(found)
    assert found == REVIEWED.read_text(), f"if this is meant, copy {tmp_path / REVIEWED.name} to {REVIEWED}"
