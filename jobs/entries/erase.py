"""Erasures: stages the coordinates of a player's messages, and deletes them everywhere."""

from __future__ import annotations

import datetime as dt
from functools import reduce
from typing import TYPE_CHECKING

from jobs.daily import builds
from jobs.judging.batches import COORDINATES, player_batches
from jobs.judging.workers import in_workers
from jobs.staging import files
from jobs.staging.open_quarantine import unreadable_places
from jobs.upkeep.erasures import Erasure, belongs_to, hash_sql, list_erasures, read_key
from lakehouse import names
from lakehouse.catalog import tables
from lakehouse.contract.keywords import INT64_MAX
from lakehouse.ledger.entries import Count, Decision, Entry, Snapshot
from lakehouse.ledger.vocabulary import MESSAGE_KEY, BuildCause, Destination, Verdict

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.runtime.job import Job

FACTS = (names.DAILY_EVENT_COUNTS, names.PLAYER_ITEM_CHANGES, names.PLAYER_INVENTORY_MONTHS)


class Erase:
    """A player, deleted everywhere."""

    def stage(self, job: Job, entry: Entry, snapshot: Snapshot) -> Decision:
        """Writes the places of the player's messages in raw, and counts what every table holds of them."""
        folder = names.staging_folder(job.settings.warehouse_uri, entry.entry_id, job.attempt_id)
        theirs = _messages(job, entry).selectExpr(*_PLACE, f"'{Destination.RAW}' as destination")
        files.write(theirs, folder, 1)
        job.hooks.at("after_stage")
        staged = files.read(job.spark, folder)
        in_raw = files.count(staged)
        if not in_raw:
            return Decision(job.attempt_id, job.judged_by, Verdict.PASSED, (), (), "", "")
        parts = [_rows_of(job, table, staged) for table in _tables(job)]
        counts = in_raw + files.count(reduce(lambda one, other: one.unionAll(other), parts))
        return Decision(job.attempt_id, job.judged_by, Verdict.PASSED, (), counts, folder, "")

    def publish(self, job: Job, entry: Entry, decision: Decision) -> None:
        """Deletes the decided messages.

        Raw is last, since all else follows from it: so a killed erasure can be repeated.

        Deleting is harmless if repeated, however late: no message comes to a place a second time.
        """
        request = entry.request
        assert request is not None
        row = (
            request.who,
            request.why,
            request.player_hash,
            entry.entry_id,
            request.through,
            dt.datetime.now(dt.UTC),
            None,
        )
        frame = job.spark.createDataFrame([row], tables.schema_of(tables.ERASURES))
        job.store.append_once(frame, names.ERASURES, app="publish", version=entry.entry_id)
        list_erasures(job)  # before anything is deleted: a restore of an older backup must know of it
        if not decision.staging:
            return
        # A message with the player's key may name another player; the facts of that other player stay.
        named = f"{hash_sql('player', read_key(job.settings.erasure_key_file))} = '{request.player_hash}'"
        players = _messages(job, entry).select("player").where(named).distinct()
        days = sorted({each.event_date for each in decision.counts if each.destination == Destination.RAW})
        builds.start(job, days, entry.entry_id, cause=BuildCause.ERASE)
        for table in FACTS:
            job.hooks.at(f"before_erase:{table.name}")
            job.store.delete_rows(players, table, on=("player",))
        builds.finish(job, days, entry.entry_id, cause=BuildCause.ERASE)
        places = files.read(job.spark, decision.staging)
        for table in (*_tables(job), names.RAW_EVENTS):
            job.hooks.at(f"before_erase:{table.name}")
            job.store.delete_rows(places, table)
            job.hooks.at(f"after_erase:{table.name}")

    def read_back(self, job: Job, entry: Entry, decision: Decision) -> tuple[Count, ...]:
        """The decided counts, once no table holds any of the places.

        Raises:
            BalanceError: one does.
        """
        if decision.staging:
            places = files.read(job.spark, decision.staging)
            parts = [_rows_of(job, table, places) for table in (*_tables(job), names.RAW_EVENTS)]
            left = files.count(reduce(lambda one, other: one.unionAll(other), parts))
            if left:
                raise files.BalanceError(f"rows that were to be erased are still there: {left}; the entry stays open")
        return decision.counts

    def after(self, job: Job, entry: Entry) -> None:
        """Removes the player from staging folders and former quality pages. The daily maintenance repeats it."""
        from jobs.upkeep.purge import purge_erased

        purge_erased(job)


def _messages(job: Job, entry: Entry) -> DataFrame:
    """The raw messages of the player: those that name the player, or have the player as their key."""
    request = entry.request
    assert request is not None and request.player_hash is not None
    key = read_key(job.settings.erasure_key_file)
    raw = job.store.read(names.RAW_EVENTS)
    condition = belongs_to([Erasure(request.player_hash, request.through)], "player", key)
    unread = unreadable_places(job).selectExpr(*MESSAGE_KEY, "true as unread")  # their player is known by the key alone
    kept = (*COORDINATES, "key")
    values = (
        raw.where(f"batch_id <= {request.through}")
        .join(unread, MESSAGE_KEY, "left")
        .selectExpr(*[f"`{name}`" for name in kept], "case when unread is null then value end as value")
    )
    theirs = in_workers(
        values,
        player_batches,
        {**{name: tables.RAW_EVENTS[name][0] for name in kept}, "player": "string"},
        contracts=job.contracts,
        max_event_bytes=INT64_MAX,  # one that is too large to be an event is somebody's all the same
        keep=kept,
    )
    return theirs.where(condition)


def _tables(job: Job) -> list[names.Table]:
    """Every table that holds single messages, except raw; also those of removed contracts."""
    return [*job.store.event_tables(), names.QUARANTINE]


def _rows_of(job: Job, table: names.Table, places: DataFrame) -> DataFrame:
    destination = {names.RAW_EVENTS: Destination.RAW, names.QUARANTINE: Destination.QUARANTINE}.get(table, table.name)
    rows = job.store.read(table).join(places.select(*MESSAGE_KEY), MESSAGE_KEY, "left_semi")
    return rows.selectExpr(f"'{destination}' as destination", "topic", "partition", "event_date")


_PLACE = ["topic", "topic_id", "`partition`", "`offset`", "event_date", "batch_id"]
