"""Today's jobs finish the entries that older code left open, and ingest goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.real import Real, event
from tests.upgrade import stack as older
from tests.upgrade.manifest import check, places_of

pytestmark = pytest.mark.timeout(900)
DUMPS = sorted((Path(older.__file__).parent).glob("*/*.tar.xz"))


@dataclass(frozen=True)
class Dump:
    """A stack that holds what a dump holds, and the dump's manifest."""

    real: Real
    manifest: dict[str, Any]


@pytest.fixture(params=DUMPS, ids=[f"{file.parent.name}-{file.name.partition('.')[0]}" for file in DUMPS])
def dump(request: pytest.FixtureRequest) -> Iterator[Dump]:
    file: Path = request.param
    settings = older.settings_of()
    try:
        older.restore(settings, file)
        yield Dump(Real(settings), json.loads((file.parent / f"{file.name.partition('.')[0]}.json").read_text()))
    finally:
        older.empty(settings)


def test_entries_that_older_code_left_open_are_finished_and_ingest_goes_on(dump: Dump) -> None:
    real, manifest = dump.real, dump.manifest
    messages = manifest["messages"]
    decided, planned = manifest["decided"], manifest["planned"]
    opened = real.query("select entry_id, status from ops.batches where status not in ('done', 'abandoned') order by 1")
    assert opened == [
        {"entry_id": decided["entry_id"], "status": "decided"},
        {"entry_id": planned["entry_id"], "status": "planned"},
    ]
    assert real.value("select count(*) from ops.batches") == manifest["entries"]
    rows = "select count(*) from raw.events where batch_id = "
    assert real.value(f"{rows} {decided['entry_id']}") == len(places_of(messages, "decided"))
    assert real.value(f"{rows} {planned['entry_id']}") == 0

    real.run("publish")
    check(real, [each for each in messages if each["state"] != "waiting"])
    # it is published as it was decided, not judged again
    what = "select attempt_id, verdict, staging, counts from ops.ledger where step = "
    (decision,) = real.query(f"{what} 'decided' and entry_id = {decided['entry_id']}")
    assert {name: decision[name] for name in ("attempt_id", "verdict", "staging")} == {
        name: decided[name] for name in ("attempt_id", "verdict", "staging")
    }
    (done,) = real.query(f"{what} 'done' and entry_id = {decided['entry_id']}")
    assert sorted(done["counts"]) == sorted(decision["counts"])

    further = real.produce(*[event(color="red", quantity=1) for _ in range(6)], spread=True)
    real.ingest()
    check(real, messages)
    assert set(map(tuple, real.places(further).values())) == {("sword_purchases",)}
    assert real.value("select max(entry_id) from ops.batches") == manifest["entries"] + 1
