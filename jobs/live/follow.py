"""Brings the live state up to the ledger: adds what new entries brought, recomputes players that others changed, or rebuilds all.

An entry is applied only once it is done, and entries are applied in order. Nothing here is on the way of an event: if it fails,
the next run of any job goes on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from expectations.results import brief
from jobs.judging.batches import player_batches
from jobs.judging.workers import in_workers
from jobs.live import facts
from jobs.live.state import LiveState, TakenOver
from jobs.runtime.session import tune_for
from jobs.staging.open_quarantine import unreadable_places
from jobs.upkeep.erasures import hash_of, read_erasures, read_key
from lakehouse import names
from lakehouse.catalog.tables import RAW_EVENTS
from lakehouse.clients.redis import connect
from lakehouse.contract.keywords import INT64_MAX
from lakehouse.ledger.entries import Entry
from lakehouse.ledger.vocabulary import MESSAGE_KEY, Destination, Kind
from lakehouse.live import BUILDING, numbered

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.runtime.job import Job

MOST_ENTRIES = 50  # if it is further behind, it is rebuilt, which costs less


def follow(job: Job) -> None:
    """Applies all closed entries that the live state does not hold. A failure is a warning, whatever it is."""
    if not job.settings.redis_url:
        return
    try:
        with connect(job.settings.redis_url) as redis:
            catch_up(job, LiveState(redis))
    except TakenOver as other:
        job.say(str(other))
    except (
        Exception
    ) as error:  # of Redis, of Spark, or ours: what the tables hold is right, and the next run repairs this
        job.warn(
            f"the live state is not up to date, and the next run repairs it: {type(error).__name__}: {brief(error)}; is Redis "
            "up (`make status`)? Tables and ingest do not need it"
        )


def catch_up(job: Job, state: LiveState) -> None:
    """The same, with errors raised."""
    last = job.ledger.read().closed_through
    position = state.position()
    if position is None or not last - MOST_ENTRIES <= position.through <= last:
        rebuild(job, state)
        return
    if position.through == last:
        return
    done = [each for each in job.ledger.read_entries(position.through + 1, last) if each.done]
    if any(changes_everything(each) for each in done):
        rebuild(job, state)
        return
    for entry in done:
        apply(job, state, position.generation, entry)
        state.advance(position.generation, entry.entry_id)
    state.advance(position.generation, last)


def changes_everything(entry: Entry) -> bool:
    """Whether players change whom nothing names any more: those of an erasure, or of a kind that newer code made."""
    if entry.kind == Kind.ERASE:
        return bool(entry.decision and entry.decision.staging)
    return entry.kind not in set(Kind)


def apply(job: Job, state: LiveState, generation: bytes, entry: Entry) -> None:
    """Applies one entry that is done.

    An ingest adds rows, so what they say is added. Of the players of a replay or of a rebuilt day all rows count anew.
    """
    events = events_of(job, entry)
    if entry.kind == Kind.INGEST and events is not None:
        found = facts.players_of(facts.by_player(events))
        state.add(generation, entry.entry_id, ((name, player) for name, player in found if player is not None))
    elif entry.kind == Kind.REPLAY and events is not None:
        recompute(job, state, generation, entry, events.select("player"))
    elif entry.kind == Kind.REBUILD and entry.decision and entry.decision.counts:
        recompute(job, state, generation, entry, players_of_day(job, entry))
    if entry.kind in (Kind.INGEST, Kind.REPLAY) and events is not None:  # what a rebuild publishes is no news
        news = facts.notable(events, job.settings.kept_notifications)
        state.notify(generation, numbered(entry.entry_id, news), job.settings.kept_notifications)
    job.say(f"the live state holds entry {entry.entry_id}")


def events_of(job: Job, entry: Entry) -> DataFrame | None:
    """The events that the entry published, from the partitions that it wrote to; None if there is none."""
    counts = entry.decision.counts if entry.decision else ()
    tune_for(job.spark, sum(each.rows for each in counts))
    days: dict[str, set[str]] = {}
    for each in counts:
        if Destination.is_event_table(each.destination):
            days.setdefault(each.destination, set()).add(f"date '{each.event_date}'")
    tables = {
        name: job.store.read(names.event_table(name)).where(
            f"event_date in ({', '.join(sorted(days[name]))}) and entry_id = {entry.entry_id}"
        )
        for name in sorted(days)
        if name in set(job.contracts.tables)
    }
    return facts.occurrences(tables, job.contracts) if tables else None


def players_of_day(job: Job, entry: Entry) -> DataFrame:
    """The players of all messages that a rebuild judged: also of those that are in no event table any more."""
    request = entry.request
    assert request is not None and request.day is not None
    raw = job.store.read(names.RAW_EVENTS).where(f"event_date = date '{request.day}' and batch_id <= {request.through}")
    readable = raw.join(unreadable_places(job).select(*MESSAGE_KEY), MESSAGE_KEY, "left_anti")
    judged = in_workers(
        readable.select("value", "kafka_timestamp"),
        player_batches,
        {"kafka_timestamp": RAW_EVENTS["kafka_timestamp"][0], "player": "string"},
        contracts=job.contracts,
        max_event_bytes=INT64_MAX,
        keep=("kafka_timestamp",),
    )
    return judged.select("player").where("player is not null")


def recompute(job: Job, state: LiveState, generation: bytes, entry: Entry, players: DataFrame) -> None:
    """Takes everything of these players from the event tables, as they are through the entry.

    If rows of them were replaced by a later entry, they are left out here; that entry recomputes the same players.
    """
    tune_for(job.spark, None)
    events = players.distinct().join(all_events(job, entry.entry_id), "player", "left")
    count = state.replace(generation, entry.entry_id, facts.players_of(facts.by_player(events)))
    job.say(f"entry {entry.entry_id} ({entry.kind}): the live state of {count} players is recomputed from the tables")


def all_events(job: Job, through: int) -> DataFrame:
    """All events that entries up to `through` published."""
    tables = {name: job.store.read(names.event_table(name)) for name in job.contracts.tables}
    return facts.occurrences(
        {name: rows.where(f"entry_id <= {through}") for name, rows in tables.items()}, job.contracts
    )


def rebuild(job: Job, state: LiveState) -> None:
    """Makes the live state of all players from the event tables, beside the old one, and takes away erased players."""
    last = job.ledger.read().closed_through  # before the tables are read: later rows are left to later entries
    tune_for(job.spark, None)
    generation = state.begin()
    found: Iterable[facts.Found] = facts.players_of(facts.by_player(all_events(job, last))) if last else ()
    count = state.replace(generation, last, found, BUILDING)
    state.switch(generation)
    forget_erased(job, state)
    state.drop_others()
    state.advance(generation, last)
    job.say(f"the live state is rebuilt from the tables: {count} players, through entry {last}")


def forget_erased(job: Job, state: LiveState) -> None:
    """Takes the notifications of erased players out of the stream."""
    through: dict[str, int] = {}
    for each in sorted(read_erasures(job), key=lambda erasure: erasure.through):
        through[each.player_hash] = each.through
    if not through:
        return
    key = read_key(job.settings.erasure_key_file)

    def is_gone(id_: str, data: bytes) -> bool:
        return int(id_.partition("-")[0]) <= through.get(hash_of(json.loads(data)["player"], key), 0)

    state.forget(is_gone)
