"""What older code stored is upgraded; today's jobs finish the entries that it left open, and ingest goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lakehouse import erasure_list
from lakehouse.version import VERSION
from stack.state.upgrade import upgrade
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
    said: list[str]  # by the upgrade


@pytest.fixture(params=DUMPS, ids=[f"{file.parent.name}-{file.name.partition('.')[0]}" for file in DUMPS])
def dump(request: pytest.FixtureRequest) -> Iterator[Dump]:
    file: Path = request.param
    settings = older.settings_of()
    try:
        said = older.restore(settings, file)
        manifest = json.loads((file.parent / f"{file.name.partition('.')[0]}.json").read_text())
        yield Dump(Real(settings), manifest, said)
    finally:
        older.empty(settings)


def test_entries_that_older_code_left_open_are_finished_and_ingest_goes_on(dump: Dump) -> None:
    real, manifest = dump.real, dump.manifest
    the_upgrade_says_what_it_changes_and_finds_nothing_when_it_is_run_again(dump)
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


def the_upgrade_says_what_it_changes_and_finds_nothing_when_it_is_run_again(dump: Dump) -> None:
    """A part of the test above: to bring up a dump takes longer than to look at it."""
    settings = dump.real.settings
    assert f"from a version that noted none to {VERSION}" in dump.said
    assert {"tables: made ops.checks", "tables: added ops.ledger.checks"} <= set(dump.said), dump.said
    assert f"tables: the stored state is of version {VERSION} now; it was of a version that noted none" in dump.said
    assert [each.who for each in erasure_list.read(settings.erasure_list_file)] == ["tester"]
    again: list[str] = []
    upgrade(settings, again.append)
    assert f"from {VERSION} to {VERSION}: it is there already, all is looked at again" in again
    assert "tables: tables are as the contracts say (0 changes)" in again
    assert len(erasure_list.read(settings.erasure_list_file)) == 1
