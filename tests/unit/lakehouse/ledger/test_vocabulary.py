"""Each word of the ledger is spelled once, and whoever counts what was published leaves out all that is no table."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest

from lakehouse.catalog.views import views
from lakehouse.ledger.vocabulary import Action, Destination, Kind, Step, Verdict
from lakehouse.settings import CHECKOUT, Settings
from operations import changed_days

# What a message may become that is in no event table, as the ledgers of all stacks have it.
STORED = {"raw", "quarantine", "duplicate", "suppressed", "discarded", "not_asked"}
WORDS = "|".join(sorted({str(word) for words in (Kind, Step, Verdict, Destination, Action) for word in words}))
SPELLED = re.compile(
    rf"(destination|kind|step|verdict|action)\s*(=|<>|in\b|not in\b)\s*\(?'({WORDS})'|'({WORDS})' as destination"
)
NOT_IN = re.compile(r"c\.destination not in \(([^)]*)\)")


def left_out(sql: str) -> set[str]:
    (listed,) = NOT_IN.findall(sql)
    return {name.strip().strip("'") for name in listed.split(",")}


def test_what_is_no_table_is_known_by_its_stored_name() -> None:
    assert set(Destination) == STORED
    assert not any(Destination.is_event_table(name) for name in STORED) and Destination.is_event_table(
        "sword_purchases"
    )


def test_words_are_stored_as_they_always_were() -> None:
    assert list(Kind) == ["ingest", "replay", "discard", "rebuild", "erase"]
    assert {step: step.txn_app for step in Step} == {
        "planned": "plan", "decided": "decide", "abandoned": "decide", "done": "done",
    }  # fmt: skip
    assert list(Verdict) == ["passed", "failed", "waived"]
    assert list(Action) == ["replayed", "waived", "rebuilt", "discarded"]
    assert [kind for kind in Kind if not kind.may_be_abandoned] == ["ingest"]


def test_the_batches_count_as_published_what_went_to_a_table() -> None:
    assert left_out(views(Settings.load())["ops.batches"]) == STORED


def test_a_built_day_is_changed_by_what_went_to_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def query(settings: Settings, sql: str) -> list[dict[str, Any]]:
        asked.append(sql)
        return []

    monkeypatch.setattr(changed_days, "query", query)
    changed_days.changed_days(Settings.load(), dt.datetime(2026, 3, 6, tzinfo=dt.UTC))
    assert left_out(asked[0]) == STORED


@pytest.mark.parametrize("folder", ["lakehouse", "operations", "jobs", "expectations", "dags"])
def test_no_other_module_spells_a_word_of_the_ledger(folder: str) -> None:
    found = {
        str(file.relative_to(CHECKOUT)): [match[0] for match in SPELLED.finditer(file.read_text())]
        for file in Path(CHECKOUT / folder).rglob("*.py")
    }
    assert {file: spelled for file, spelled in found.items() if spelled} == {}
