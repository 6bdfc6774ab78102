"""What a job does on a restored backup: each loss is recorded once, by its first offset; later erasures are carried out."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from jobs import restored
from jobs.raw import drain, lost, raw_events
from jobs.raw.losses import read_losses
from jobs.runtime.job import Job
from jobs.upkeep.erasures import hash_of, listed_erasures
from lakehouse import names
from lakehouse.erasure_list import Erased, keep
from lakehouse.ledger.offsets import Log, Loss, OffsetRange, TopicPartition
from tests.unit.jobs.entries.world import AT, KEY, World, sword

NEW = TopicPartition("events", "another id", 0)
OTHER = TopicPartition("MessageHistory", "of old", 1)


@pytest.fixture(autouse=True)
def new_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka has made the topic anew, and nothing was sent since."""
    for module in (drain, lost):
        monkeypatch.setattr(module, "logs_of", lambda job, planned: [Log(NEW, 0, 0)])


def job_of(world: World, **options: Any) -> Job:
    job = world.job()
    given = {"who": "ada", "why": "the disk is gone", "lost": "[]", "erasures": None, **options}
    object.__setattr__(job, "options", argparse.Namespace(**given))
    return job


def named(*losses: Loss) -> str:
    return json.dumps([{**vars(each.at), "start": each.start, "until": each.until} for each in losses])


def test_a_planned_batch_that_raw_lacks_is_lost_from_its_beginning_and_ingest_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.arrive(sword(), sword())
    world.close()
    world.job().ledger.plan_ingest(2, [OffsetRange(AT, 2, 5)])
    lost_ones = [Loss(AT, 2, None), Loss(OTHER, 0, None)]  # of the other topic nothing was ever planned
    for _ in range(2):  # the second time as after a kill
        restored.record_losses(job_of(world, lost=named(*lost_ones)))
        assert sorted(read_losses(world.job())) == sorted(lost_ones)
    rows = world.store.read(names.LOSSES).collect()
    assert [(row["loss_id"], row["who"], row["why"]) for row in rows] == [(1, "ada", "the disk is gone")]
    monkeypatch.setattr(drain, "logs_of", lambda job, planned: [Log(NEW, 0, 1)])
    read: list[Any] = []

    def read_batch(spark: Any, bootstrap: str, batch_id: int, ranges: list[OffsetRange]) -> Any:
        read.append((batch_id, [each for each in ranges if len(each)]))
        return world.messages([sword()] * sum(map(len, ranges)), 0, batch_id)

    monkeypatch.setattr(raw_events, "read_batch", read_batch)
    assert drain.drain_waiting(world.job()) == 1
    assert read == [(2, []), (3, [OffsetRange(NEW, 0, 1)])]


def test_who_was_erased_since_the_backup_is_erased_again_once(world: World, tmp_path: Path) -> None:
    world.arrive(sword(player="anna"), sword(player="bob"))
    world.close()
    listed = tmp_path / "list.jsonl"
    keep(listed, [Erased("2026-11-01T00:00:00.000000+00:00", hash_of("anna", KEY.encode()), "ada", "request 1")])
    for _ in range(2):
        restored.erase_again(job_of(world, erasures=listed))
        assert world.offsets("sword_purchases") == [1]
    (again,) = listed_erasures(world.job())
    assert (again.who, again.why, again.player_hash) == ("ada", "request 1", hash_of("anna", KEY.encode()))
