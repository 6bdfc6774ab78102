"""The API judges every example of every contract as the example says; Python and Spark have the same test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from lakehouse.settings import CHECKOUT

EXAMPLES = CHECKOUT / "tests" / "examples"
FILES = sorted(EXAMPLES.glob("*/*/*.json"))


def body_of(file: Path) -> bytes:
    """The example's event as it stands in the file, escapes and numbers untouched, with its type."""
    text = file.read_text()
    start = text.index("{", text.index('"event"'))
    _, end = json.JSONDecoder().raw_decode(text, start)
    own = text[start + 1 : end].strip()
    return (f'{{"event_type": "{file.parent.parent.name}"' + ("" if own == "}" else ", ") + own).encode()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(EXAMPLES)))
def test_an_example_is_accepted_or_rejected_for_its_reason(client: FlaskClient, file: Path) -> None:
    answer = client.post("/v1/events", data=body_of(file), content_type="application/json")
    reason = json.loads(file.read_text()).get("reason_code", "rule:none")
    (item,) = answer.get_json(force=True)["items"]
    if reason.startswith("rule:"):  # Spark alone checks rules
        assert (answer.status_code, item["status"]) == (200, "accepted")
    else:
        assert (answer.status_code, item["status"]) == (422, "rejected")
        assert f"schema:{item['field']}:{item['rule']}" == reason
