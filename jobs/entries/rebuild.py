"""Stages a rebuild: judges a day's raw messages anew, by today's contracts, and compares with what the tables hold."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING

from jobs.entries.replay import judge_again
from jobs.entries.rows import PublishesRows
from jobs.runtime.session import tune_for
from jobs.staging import audit, files, refusals
from jobs.staging.files import OPEN_REASON, Refused
from jobs.staging.open_quarantine import open_rows
from lakehouse import names
from lakehouse.catalog import tables
from lakehouse.catalog.spark_sql import literal
from lakehouse.contract.judge import UNREADABLE
from lakehouse.ledger.entries import Compared, Count, Decision, Entry, Request, Snapshot
from lakehouse.ledger.vocabulary import MESSAGE_KEY, Action, Destination, Kind, Step, Verdict

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.runtime.job import Job
    from lakehouse.contract.model import Contract

# Columns that are not compared: the entry that published a row last.
_NOT_COMPARED = ("entry_id",)
ACCEPTED = "accepted"  # column: the message was published under a waiver


class Rebuild(PublishesRows):
    """A day of the event tables, made anew from raw."""

    action = Action.REBUILT

    def stage(self, job: Job, entry: Entry, snapshot: Snapshot) -> Decision:
        """Judges all messages of the day in batches up to the request's `through`, with these exceptions.

        It leaves alone what an audit holds, what is unreadable, what was discarded, and what reused an event_id: the
        first event of that id may have been erased since, which must not free the id. Rows that a waiver accepted are
        left out of the audit, and no rule of rows refuses them. A table that would not change is not written; if none
        would, the decision has nothing to do.

        Raises:
            Refused: raw differs from the ledger's counts, a table of the day has no contract now, or the audit failed.
            BalanceError: the messages do not add up.
        """
        request = entry.request
        assert request is not None and request.day is not None
        check_raw(job, entry, request.day)
        contracts = [c for c in job.contracts.values() if request.tables is None or c.table in request.tables]
        check_tables(job, request, contracts)

        inside = f"event_date = date '{request.day}' and batch_id <= {request.through}"
        raw = job.store.read(names.RAW_EVENTS)
        actions = job.store.read(names.QUARANTINE_ACTIONS)
        of_day = actions.where(f"event_date = date '{request.day}' and entry_id < {entry.entry_id}")
        waived = of_day.where(f"action = '{Action.WAIVED}'").select(*MESSAGE_KEY).distinct()
        discarded = of_day.where(f"action = '{Action.DISCARDED}'").select(*MESSAGE_KEY)
        opened = open_rows(job, f"{inside} and entry_id < {entry.entry_id}")
        batch = _judged_anew(raw.where(inside), opened, discarded, waived)
        in_raw = files.count(
            batch.selectExpr(f"'{Destination.RAW}' as destination", "topic", "partition", "event_date")
        )
        rows = sum(each.rows for each in in_raw)
        tune_for(job.spark, rows)
        job.say(f"day {request.day}: {rows} messages of batches up to {request.through} are judged anew")
        folder = names.staging_folder(job.settings.warehouse_uri, entry.entry_id, job.attempt_id)
        judged = _asked_for(judge_again(job, batch, raw, keep={ACCEPTED: "boolean"}), request, contracts)
        files.write_judged(judged, folder, rows, job.rules, job.contracts, accepted=ACCEPTED)
        job.hooks.at("after_stage")
        staged = files.read(job.spark, folder) if rows else None
        if staged is not None:
            in_staging = files.count(staged)
            files.check_balance(in_raw, in_staging)
            staged = staged.where(f"destination <> '{Destination.NOT_ASKED}'")

        comparison = compare(job, staged, contracts, inside)
        for each in comparison:
            job.say(f"  {each.destination}: {each.before} rows before, {each.after} after, {each.changed} differ")
        if staged is None or not (any(each.changed for each in comparison) or _quarantine_differs(staged)):
            return Decision(job.attempt_id, job.judged_by, Verdict.PASSED, (), (), "", "", comparison=comparison)

        job.hooks.at("before_audit")
        audited = staged.join(waived, MESSAGE_KEY, "left_anti")
        name = f"rebuild-{entry.entry_id:06d}"
        decision = audit.decide(job, name, audited, files.tally(audited), folder, audit.Terms(), entry.entry_id)
        if decision.verdict == Verdict.FAILED:
            raise Refused(
                f"the audit of the rebuilt day {request.day} failed: {', '.join(decision.failed_checks)}; the day is as it "
                "was. Correct the contracts or the rule, and rebuild again",
                decision.page,
            )
        return replace(decision, counts=_counts(in_staging, decision, comparison), comparison=comparison)

    def tables_of(self, decision: Decision) -> set[str]:
        """Those of which a row differs."""
        return {each.destination for each in decision.comparison if each.changed}

    def replaces(self, entry: Entry) -> str | None:
        """The day's rows of the batches that were judged anew; what was drained meanwhile is not touched."""
        assert entry.request is not None
        return f"event_date = date '{entry.request.day}' and batch_id <= {entry.request.through}"


def _judged_anew(messages: DataFrame, opened: DataFrame, discarded: DataFrame, waived: DataFrame) -> DataFrame:
    """Those of a day's messages that are judged anew.

    Args:
        messages: the day's rows of the raw table.
        opened: what stands in quarantine, with its reason_code.
        discarded: columns MESSAGE_KEY.
        waived: columns MESSAGE_KEY, no message twice.

    Returns:
        The rows of `messages`, with the reason why one stands in quarantine (`OPEN_REASON`), and `ACCEPTED`.
    """
    alone = (
        opened.where(f"startswith(reason_code, 'audit:') or reason_code in ('event_id_reused', '{UNREADABLE}')")
        .select(*MESSAGE_KEY)
        .unionAll(discarded)
    )
    reasons = opened.selectExpr(*[f"`{each}`" for each in MESSAGE_KEY], f"reason_code as {OPEN_REASON}")
    return (
        messages.join(alone, MESSAGE_KEY, "left_anti")
        .join(reasons, MESSAGE_KEY, "left")
        .join(waived.selectExpr("*", f"true as {ACCEPTED}"), MESSAGE_KEY, "left")
    )


def _counts(in_staging: tuple[Count, ...], decision: Decision, comparison: Sequence[Compared]) -> tuple[Count, ...]:
    """What is published: the tables that change, and all of quarantine, repetitions and suppressed messages.

    What was not asked for was staged too, but is in none of these.
    """
    changed = {each.destination for each in comparison if each.changed}
    swapped = changed | {Destination.QUARANTINE, Destination.DUPLICATE, Destination.SUPPRESSED}
    counts = refusals.as_decided(in_staging, decision.verdict)
    return tuple(each for each in counts if each.destination in swapped)


def check_raw(job: Job, entry: Entry, day: dt.date) -> None:
    """Raw holds what the ledger counted of the day, less what was erased of it.

    Raises:
        Refused: names each partition that is off.
    """
    raw = job.store.read(names.RAW_EVENTS)
    of_day = raw.where(f"event_date = date '{day}' and batch_id < {entry.entry_id}")
    found = {(r["topic"], r["partition"]): r["count"] for r in of_day.groupBy("topic", "partition").count().collect()}
    ledger = job.store.read(names.LEDGER)
    counted = (
        ledger.where(
            f"step = '{Step.DONE}' and entry_id < {entry.entry_id} and kind in ('{Kind.INGEST}', '{Kind.ERASE}')"
        )
        .selectExpr("kind", "inline(counts)")
        .where(f"event_date = date '{day}' and (kind = '{Kind.INGEST}' or destination = '{Destination.RAW}')")
        .selectExpr("topic", "partition", f"if(kind = '{Kind.INGEST}', rows, -rows) as rows")
        .groupBy("topic", "partition")
        .agg({"rows": "sum"})
        .collect()
    )
    wanted = {(r["topic"], r["partition"]): r["sum(rows)"] for r in counted}
    off = [
        f"{topic}-{partition}: {found.get((topic, partition), 0)} in raw, {wanted.get((topic, partition), 0)} counted"
        for topic, partition in sorted({*found, *wanted})
        if found.get((topic, partition), 0) != wanted.get((topic, partition), 0)
    ]
    if off:
        raise Refused(
            f"raw.events does not hold of {day} what the ledger counted, so a rebuild would lose or add rows: "
            + "; ".join(off)
        )


def check_tables(job: Job, request: Request, contracts: Sequence[Contract]) -> None:
    """Every event table that holds rows of the day belongs to a contract, and every table asked for is one.

    Raises:
        Refused: names the tables.
    """
    unknown = sorted(set(request.tables or ()) - {c.table for c in job.contracts.values()})
    if unknown:
        known = ", ".join(sorted(c.table for c in job.contracts.values()))
        raise Refused(f"no contract has a table {', '.join(unknown)}; there are {known}")
    if request.tables is not None:
        return
    with_contract = {c.table for c in contracts}
    for table in job.store.event_tables():
        if table.name in with_contract:
            continue
        of_day = job.store.read(table).where(f"event_date = date '{request.day}'")
        if of_day.limit(1).collect():
            raise Refused(
                f"{table.qualified} holds rows of {request.day}, but no contract has this table any more; put the "
                "contract back, or rebuild the other tables by their names"
            )


def compare(job: Job, staged: DataFrame | None, contracts: Sequence[Contract], inside: str) -> tuple[Compared, ...]:
    """Compares each table as it is (rows `inside`) with the staged rows. Counts rows that differ, come or go."""
    job.store.create([tables.event_definition(c, job.contracts) for c in contracts])
    old, new = [], []
    for contract in contracts:
        definition = tables.event_definition(contract, job.contracts)
        digest = _digest({name: kind for name, (kind, _) in definition.columns.items()})
        keys = [f"'{contract.table}' as destination", *[f"`{each}`" for each in MESSAGE_KEY]]
        current = job.store.read(names.event_table(contract.table)).where(inside)
        old.append(current.selectExpr(*keys, f"{digest} as was"))
        if staged is not None:
            rows = files.event_rows(staged, contract, job.contracts, 0)
            new.append(rows.selectExpr(*keys, f"{digest} as becomes"))
    before = reduce(lambda one, other: one.unionAll(other), old)
    after = (
        reduce(lambda one, other: one.unionAll(other), new)
        if new
        else before.where("false").withColumnRenamed("was", "becomes")
    )
    both = before.join(after, ["destination", *MESSAGE_KEY], "full")
    found = both.groupBy("destination").agg({"was": "count", "becomes": "count"}).collect()
    sizes = {r["destination"]: (r["count(was)"], r["count(becomes)"]) for r in found}
    differ = both.where("not (was <=> becomes)").groupBy("destination").count().collect()
    changed = {r["destination"]: r["count"] for r in differ}
    return tuple(
        Compared(c.table, *sizes.get(c.table, (0, 0)), changed.get(c.table, 0))
        for c in sorted(contracts, key=lambda c: c.table)
    )


def _digest(columns: dict[str, str]) -> str:
    """SQL: a hash of a row; maps, which Spark does not hash, as sorted lists of their entries."""
    parts = [
        f"array_sort(map_entries(`{name}`))" if kind.startswith("map") else f"`{name}`"
        for name, kind in columns.items()
        if name not in _NOT_COMPARED
    ]
    return f"xxhash64({', '.join(parts)})"


def _quarantine_differs(staged: DataFrame) -> bool:
    """Whether a message leaves quarantine, comes into it, or stands there for another reason."""
    stays = f"destination = '{Destination.QUARANTINE}' and reason_code <=> {OPEN_REASON}"
    differs = f"not ({stays}) and ({refusals.quarantined(Verdict.PASSED)} or {OPEN_REASON} is not null)"
    return bool(staged.where(differs).limit(1).collect())


def _asked_for(judged: DataFrame, request: Request, contracts: Sequence[Contract]) -> DataFrame:
    """Marks messages of event types whose tables are not to be rebuilt, so that nothing is done to them."""
    from pyspark.sql import functions as F

    if request.tables is None:
        return judged
    asked = f"coalesce(event_type in ({', '.join(literal(c.event_type) for c in contracts)}), false)"
    new = {
        "destination": f"if({asked}, destination, '{Destination.NOT_ASKED}')",
        OPEN_REASON: f"if({asked}, {OPEN_REASON}, null)",
    }
    return judged.withColumns({name: F.expr(sql) for name, sql in new.items()})
