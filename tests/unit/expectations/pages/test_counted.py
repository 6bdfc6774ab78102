"""The ledger's counts, of which closed entries are asked once: always what a sum over the whole ledger is."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

import pytest

from expectations.pages.counted import NEWEST, ROWS, Counts
from expectations.pages.source import Source
from lakehouse.clients.trino import QueryError

DAY = dt.date(2026, 11, 27)


class Done(NamedTuple):
    """What an entry that is done counted."""

    entry_id: int
    destination: str
    day: int
    rows: int
    kind: str


class Ledger:
    """Answers the two statements from rows in memory, and keeps what it was asked."""

    def __init__(self) -> None:
        self.done: list[Done] = []
        self.entry_id = self.closed_through = 0
        self.asked: list[tuple[int, int]] = []
        self.down = False

    def ask(self, sql: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
        if self.down:
            raise QueryError("down")
        if sql == NEWEST:
            return [{"entry_id": self.entry_id or None, "closed_through": self.closed_through or None}]
        assert sql == ROWS
        closed, after = parameters
        self.asked.append((closed, after))
        groups: dict[tuple[str, int, bool], list[Done]] = defaultdict(list)
        for each in self.done:
            if each.entry_id > after:
                groups[each.destination, each.day, each.entry_id <= closed].append(each)
        return [
            {
                "destination": destination, "event_date": DAY + dt.timedelta(days=day), "is_closed": is_closed,
                **_sums(group),
            }
            for (destination, day, is_closed), group in groups.items()
        ]  # fmt: skip

    def whole(self) -> dict[tuple[str, dt.date], dict[str, Any]]:
        groups: dict[tuple[str, int], list[Done]] = defaultdict(list)
        for each in self.done:
            groups[each.destination, each.day].append(each)
        return {(name, DAY + dt.timedelta(days=day)): _sums(group) for (name, day), group in groups.items()}


def _sums(group: list[Done]) -> dict[str, Any]:
    return {
        "rows": sum(each.rows for each in group),
        "arrived": sum(each.rows for each in group if each.kind == "ingest"),
        "is_ingested": any(each.kind == "ingest" for each in group),
        "last_entry_id": max(each.entry_id for each in group),
    }


def rows(counts: Counts, ledger: Ledger) -> dict[tuple[str, dt.date], dict[str, Any]]:
    """By a source that has kept nothing."""
    found = counts.rows(Source(ledger.ask))
    assert len({(row["destination"], row["event_date"]) for row in found}) == len(found)
    return {
        (row["destination"], row["event_date"]): {name: row[name] for name in row if name not in ("destination", "event_date")}
        for row in found
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_they_are_the_sums_over_the_whole_ledger_whenever_they_are_asked(seed: int) -> None:
    """Entries are begun one after another, counted when they are done, and closed in order."""
    chance, ledger, counts = Random(seed), Ledger(), Counts()
    for _ in range(60):
        match chance.choice(("begin", "done", "close", "look", "look")):
            case "begin":
                ledger.entry_id += 1
            case "done" if ledger.entry_id > ledger.closed_through:
                entry = chance.randint(ledger.closed_through + 1, ledger.entry_id)
                if entry not in {each.entry_id for each in ledger.done}:
                    kind = chance.choice(("ingest", "replay"))
                    for name in chance.sample(("swords", "guilds", "quarantine"), 2):
                        ledger.done.append(Done(entry, name, chance.randint(0, 2), chance.randint(0, 9), kind))
            case "close" if ledger.entry_id > ledger.closed_through:  # it is done, or abandoned
                ledger.closed_through += 1
            case "look":
                assert rows(counts, ledger) == ledger.whole()


def test_closed_entries_are_asked_once() -> None:
    ledger, counts = Ledger(), Counts()
    ledger.done = [
        Done(1, "swords", 0, 5, "ingest"),
        Done(2, "swords", 0, 7, "ingest"),
        Done(3, "swords", 0, 1, "replay"),
    ]
    ledger.entry_id, ledger.closed_through = 3, 2
    for _ in range(3):
        assert rows(counts, ledger)["swords", DAY] == {
            "rows": 13, "arrived": 12, "is_ingested": True, "last_entry_id": 3,
        }  # fmt: skip
    assert ledger.asked == [(2, 0), (2, 2), (2, 2)]


def test_another_ledger_is_asked_as_a_whole() -> None:
    """A backup was restored under a server of the pages that went on."""
    ledger, counts = Ledger(), Counts()
    ledger.done, ledger.entry_id, ledger.closed_through = [Done(9, "swords", 0, 5, "ingest")], 9, 9
    rows(counts, ledger)
    ledger.done, ledger.entry_id, ledger.closed_through = [Done(1, "guilds", 0, 2, "ingest")], 1, 1
    assert rows(counts, ledger) == ledger.whole()


def test_an_answer_that_failed_leaves_what_is_kept() -> None:
    ledger, counts = Ledger(), Counts()
    ledger.done, ledger.entry_id, ledger.closed_through = [Done(1, "swords", 0, 5, "ingest")], 1, 1
    assert rows(counts, ledger) == ledger.whole()
    ledger.down = True
    with pytest.raises(QueryError):
        rows(counts, ledger)
    ledger.down = False
    ledger.done.append(Done(2, "swords", 0, 1, "ingest"))
    ledger.entry_id = 2
    assert rows(counts, ledger) == ledger.whole()


def test_of_an_empty_ledger_there_is_nothing() -> None:
    assert rows(Counts(), Ledger()) == {}
