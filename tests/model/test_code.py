"""Every commit and every kill point in `jobs/` is a step of the model, or known to be outside of the protocol."""

from __future__ import annotations

import ast
import re

import pytest

from lakehouse.ledger.vocabulary import Step
from tests.model import code_steps
from tests.model.state import COMMITS, READ_POINTS, TABLES

# (module, function): its writing calls, and the commits of the model that they are, or why they are none.
CODE: dict[tuple[str, str], tuple[list[str], tuple[str, ...] | str]] = {
    ("ledger.delta_ledger", "DeltaLedger._append"): (["append_once"], ("plan", "decide", "abandon", "done")),
    ("raw.raw_events", "append_batch"): (["append_once"], ("raw",)),
    # the fourth: ops.checks, which no step reads; appended under the entry's number as the others
    ("entries.rows", "PublishesRows.publish"): (["append_once"] * 4, ("game:*", "quarantine", "actions")),
    ("entries.erase", "Erase.publish"): (
        # also a row that names the entry (suppression, which the model finds needless) and the player's facts, of which
        # a build that comes in between is followed by another, since the erase changed the day
        ["append_once", "delete_rows", "delete_rows"],
        ("erase:*", "erase:quarantine", "erase:raw"),
    ),
    ("raw.losses", "record"): (["append_once"], ("loss",)),
    ("daily.rollup", "build"): (["replace_newest"], ("facts",)),
    ("delta.writes", "append_once"): ([".save"], "the writer itself; its callers are listed"),
    ("delta.writes", "delete_rows"): (["sql merge"], "the writer itself; its callers are listed"),
    ("delta.conflicts", "replace_newest"): ([".save"], "the writer itself; its callers are listed"),
    ("delta.store", "DeltaStore.append_once"): (["append_once"], "the port; its callers are listed"),
    ("delta.store", "DeltaStore.delete_rows"): (["delete_rows"], "the port; its callers are listed"),
    ("delta.store", "DeltaStore.add_rows"): ([".save"], "the port; its callers are listed"),
    ("staging.files", "write"): (
        [".parquet"],
        "a folder of one attempt's own, which nobody reads before it is decided",
    ),
    ("staging.candidates", "_mark"): ([".parquet"], "in the same folder"),
    ("staging.candidates", "stage_batches"): (
        [".put"],
        "beside it: candidates, which nobody reads before they are moved there",
    ),
    ("staging.candidates", "stage"): ([".move"], "candidates that a task named, into that folder"),
    ("staging.files", "settle"): ([".move"], "the same folder, under another name of the attempt's own"),
    ("staging.checks", "stage"): ([".put"], "in the same folder: results of checks"),
    ("audit_day", "audit"): (
        ["add_rows", "add_rows", "sql ?"],
        "rows of ops.checks and ops.audits, which no step reads; a query",
    ),
    ("daily.builds", "_append"): (["add_rows"], "the record of builds; only changed days and snapshots are told by it"),
    ("daily.inventory", "make_months"): (
        ["replace_newest"],
        "snapshots of what the daily tables hold; made anew if not valid",
    ),
    ("upkeep.compaction", "join"): (["sql optimize"], "joins files, changes no row"),
    ("upkeep.housekeeping", "vacuum"): (["sql vacuum"], "deletes files that no version in use names"),
    ("upkeep.housekeeping", "set_properties"): (["sql alter"], "retention; changes no row"),
    ("upkeep.purge", "_has_older_log"): (
        ["sql alter"],
        "a checkpoint, so that old log entries go; changes no row",
    ),
    ("upkeep.purge", "note_purged"): (["sql update"], "says on the record of an erasure that nothing old is left"),
    ("upkeep.table_health", "in_metastore"): (["sql alter"], "the metastore's entry of a table that is there"),
    ("delta.tables", "create_tables"): (["sql ?", "sql create", "sql create"], "creates what is not there"),
    ("delta.tables", "register_found"): (["sql create"], "tells the metastore of a table that is there"),
    ("delta.tables", "_follow"): (["sql alter", "sql alter"], "adds columns and comments, changes no row"),
}

# Kill points beside the protocol.
OUTSIDE = {
    "after_build_started": "the record of builds",
    "after_builds_read": "snapshots of the inventory",
    "after_inventory_month": "snapshots of the inventory",
    "after_part:*": "parts of the daily maintenance",
    "before_optimize": "compaction",
}


def claimed() -> set[str]:
    """The model's commits that some code claims, `game:*` standing for every game table."""
    names = {name for _, steps in CODE.values() if not isinstance(steps, str) for name in steps}
    return {f"{n[:-1]}{t}" for n in names if n.endswith("*") for t in TABLES} | {
        n for n in names if not n.endswith("*")
    }


def test_every_write_in_the_code_is_known() -> None:
    found = {(m, f): calls for m, f, nodes in code_steps.functions() if (calls := code_steps.writes(nodes))}
    known = {place: calls for place, (calls, _) in CODE.items()}
    assert found == known, "a commit was added or removed: say in CODE which step of the model it is, or why it is none"


def test_every_commit_of_the_model_is_in_the_code() -> None:
    assert claimed() == set(COMMITS)


def test_transaction_apps_are_the_models() -> None:
    for module, function, nodes in code_steps.functions():
        for app in code_steps.apps(nodes):
            steps = CODE[module, function][1]
            assert not isinstance(steps, str)
            if "erase:raw" not in steps:  # there the app is that of the row which names the erase
                assert app in {COMMITS[s.replace("*", TABLES[0])].app for s in steps}, f"{module}.{function}: {app}"
    of_steps = {Step.PLANNED: "plan", Step.DECIDED: "decide", Step.ABANDONED: "abandon", Step.DONE: "done"}
    assert {step: COMMITS[name].app for step, name in of_steps.items()} == {step: step.txn_app for step in Step}


def test_every_kill_point_is_a_step_of_the_model() -> None:
    found = set().union(*(code_steps.kill_points(nodes) for _, _, nodes in code_steps.functions()))
    points = {point for commit in COMMITS.values() for point in (commit.before, commit.after) if point}
    known = {re.sub(r":.*", ":*", point) for point in points} | set(READ_POINTS)
    assert found == known | set(OUTSIDE)


@pytest.mark.parametrize(
    ("source", "calls"),
    [
        ("def f(d): d.write.format('delta').save('x')", [".save"]),
        ("def f(s): s.sql(f'DELETE from {x}')", ["sql delete"]),
        ("def f(s):\n  q = f'merge into {x}'\n  s.sql(q).collect()", ["sql merge"]),
        ("def f(s): s.sql('select 1'); s.read.parquet('x')", []),
        ("def f(t): retry(lambda: delta_writes.append_once(t)); append_once(t)", ["append_once", "append_once"]),
        ("def f(s, text): s.sql(text)", ["sql ?"]),
        ("def f(t): t.whenMatchedDelete()", [".whenMatchedDelete"]),
        ("def f(files): files.put(a, b); files.count(c)", [".put"]),
        ("def f(job, t): list(t.map(job.files.move, a, b))", [".move"]),
    ],
)
def test_writes_are_recognised(source: str, calls: list[str]) -> None:
    assert code_steps.writes(list(ast.walk(ast.parse(source)))) == calls
