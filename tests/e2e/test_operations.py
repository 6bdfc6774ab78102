"""What operators do in Airflow, as runs: replay from the form, backfill, rebuild, erase with approval, maintenance."""

from __future__ import annotations

import datetime as dt
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from lakehouse.clients.airflow import ENDED
from tests.real import Real, contracts_with, event, new_event_id

pytestmark = pytest.mark.timeout(900)
DAGS = (
    "ingest_events", "build_day", "replay_quarantine", "discard_quarantine", "erase_player", "accept_loss", "maintain_tables",
)  # fmt: skip
ONLY_RED = {"name": "only_red", "condition": "color is null or color = 'red'", "description": "Only red swords."}


@pytest.fixture(scope="module")
def operated(stack: Real) -> Iterator[Real]:
    airflow = stack.airflow()
    for dag_id in DAGS:
        airflow.unpause(dag_id)
    yield stack
    for dag_id in DAGS:
        airflow.pause(dag_id)


def run(stack: Real, dag_id: str, **conf: Any) -> str:
    """Triggers a DAG as its form does. Returns the run's id once it has ended well."""
    airflow = stack.airflow()
    run_id = airflow.trigger(dag_id, conf)
    ended(stack, dag_id, run_id)
    return run_id


def ended(stack: Real, dag_id: str, run_id: str, seconds: float = 400) -> None:
    airflow, until = stack.airflow(), time.monotonic() + seconds
    while (state := airflow.run_state(dag_id, run_id)) not in ENDED:
        assert time.monotonic() < until, f"{dag_id} {run_id} is still {state}"
        time.sleep(1)
    states = {each["task_id"]: each["state"] for each in airflow.task_instances(dag_id, run_id)}
    assert state == "success", states


def backfill(stack: Real, dag_id: str, start: str, end: str, **more: Any) -> None:
    """Runs what a schedule would have started between two times, and waits until all of it has ended."""
    airflow, until = stack.airflow(), time.monotonic() + 400
    asked = {"dag_id": dag_id, "from_date": start, "to_date": end, "reprocess_behavior": "completed", **more}
    answer = airflow.post("/backfills", asked | {"max_active_runs": 1})
    while not airflow.get(f"/backfills/{answer['id']}")["completed_at"]:
        assert time.monotonic() < until, "the backfill did not end"
        time.sleep(1)


def test_a_rule_tightened_wrongly_is_recovered_from_the_replay_form(operated: Real, tmp_path: Path) -> None:
    """1,000 events that a wrong rule refuses: all in quarantine, all in the table after one replay, none by another."""
    host = f"replayed {new_event_id()}"
    body = [{"event_type": "purchase_sword", "color": "blue", "quantity": 1}] * 1000
    url = f"{operated.settings.api_url}/v1/events"
    assert requests.post(url, json=body, headers={"Host": host}, timeout=60).status_code == 200
    operated.ingest(contracts=str(contracts_with(tmp_path, "purchase_sword", x_rules=[ONLY_RED])))
    here = f"game.sword_purchases where host = '{host}'"
    held = "ops.quarantine_open where reason_code = 'rule:only_red'"
    assert operated.value(f"select count(*) from {held}") == 1000

    why = "the rule was wrong"
    dry = run(operated, "replay_quarantine", reason="rule:only_red", why=why)
    assert "would go to sword_purchases: 1000" in operated.airflow().task_log("replay_quarantine", dry, "replay")
    assert operated.value(f"select count(*) from {here}") == 0
    first = run(operated, "replay_quarantine", reason="rule:only_red", why=why, dry_run=False)
    assert operated.value(f"select count(*) from {here}") == 1000
    assert operated.value(f"select count(*) from {held}") == 0
    run(operated, "replay_quarantine", reason="rule:only_red", why=why, dry_run=False)
    assert operated.value(f"select count(*) from {here}") == 1000
    entry = operated.query(
        f"select kind, who, why, published from ops.batches where planned_by = 'replay_quarantine/{first}'"
    )
    assert entry == [{"kind": "replay", "who": "admin", "why": why, "published": 1000}]


def test_the_running_day_is_built_provisionally_and_counts_as_not_built(operated: Real) -> None:
    today, host = dt.datetime.now(dt.UTC).date(), f"running {new_event_id()}"
    operated.produce(*[event(host=host) for _ in range(3)])
    operated.ingest()
    complete = "select complete_through from ops.freshness where table_name = 'game.daily_event_counts'"
    before = operated.value(complete)
    built_by = run(operated, "build_day", provisional=True)
    built = f"select sum(events) from game.daily_event_counts where event_date = date '{today}' and host = '{host}'"
    assert operated.value(built) == 3
    rows = operated.query(
        f"select distinct day, cause, step from ops.day_builds where run = 'build_day/{built_by}' order by step"
    )
    assert rows == [{"day": today, "cause": "provisional", "step": step} for step in ("finished", "started")]
    assert operated.value(complete) == before


def test_days_are_backfilled_forwards_backwards_and_again(operated: Real) -> None:
    today = dt.datetime.now(dt.UTC).date()
    days = [today - dt.timedelta(days=n) for n in (12, 11)]

    def builds() -> int:
        listed = ", ".join(f"date '{day}'" for day in days)
        return int(operated.value(f"select count(*) from ops.day_builds where step = 'finished' and day in ({listed})"))

    for expected, backwards in ((2, False), (4, True)):
        conf = {"rebuild_from_raw": backwards, "reason": "a test of backfills"}
        start, end = f"{days[0]}T00:00:00Z", f"{days[-1]}T00:00:00Z"
        backfill(operated, "build_day", start, end, run_backwards=backwards, dag_run_conf=conf)
        assert builds() == expected


def test_a_player_is_erased_once_somebody_approved(operated: Real) -> None:
    player = f"Erich {new_event_id()}"
    operated.produce(event(player=player, color="red"), event("default", player=player))
    operated.ingest()
    here = f"game.sword_purchases where player = '{player}'"
    assert operated.value(f"select count(*) from {here}") == 1
    airflow = operated.airflow()
    run_id = airflow.trigger("erase_player", {"player": player, "why": "request 12"})
    until = time.monotonic() + 120
    while {each["task_id"]: each["state"] for each in airflow.task_instances("erase_player", run_id)}["approve"] not in (
        "deferred", "awaiting_input",
    ):  # fmt: skip
        assert time.monotonic() < until, airflow.task_instances("erase_player", run_id)
        time.sleep(1)
    time.sleep(5)  # no person is faster; Airflow's scheduler takes an answer within a second for a task that vanished
    assert operated.value(f"select count(*) from {here}") == 1
    details = f"/dags/erase_player/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
    airflow.patch(details, {"chosen_options": ["Approve"], "params_input": {}})
    ended(operated, "erase_player", run_id)
    assert operated.value(f"select count(*) from {here}") == 0
    assert player not in airflow.task_log("erase_player", run_id, "erase")
    assert "dag_run" in tables_of_airflow_with(operated, player)
    airflow.delete_run("erase_player", run_id)
    assert tables_of_airflow_with(operated, player) == set()


def tables_of_airflow_with(stack: Real, text: str) -> set[str]:
    """Those in Airflow's database in which any value holds the text."""
    file = stack.settings.state / "airflow" / "airflow.db"
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=60)) as database:
        names = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        found = {name: database.execute(f'select * from "{name}"').fetchall() for name in names}
    assert found["log"], "Airflow writes down who did what"
    return {name for name, rows in found.items() if any(text in str(value) for row in rows for value in row)}


def maintained_at(stack: Real, hour: int) -> str:
    """Runs maintain_tables as its schedule would at an hour of yesterday. Returns the run's id once it has ended well."""
    airflow, day = stack.airflow(), dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    backfill(stack, "maintain_tables", f"{day}T{hour:02}:00:00Z", f"{day}T{hour:02}:59:00Z")
    runs = airflow.runs("maintain_tables", "run_type=backfill")
    (run_id,) = [each["dag_run_id"] for each in runs if f"{day}T{hour:02}:17" in each["logical_date"]]
    ended(stack, "maintain_tables", run_id)
    return str(run_id)


def test_the_first_maintenance_after_three_deletes_old_runs_of_airflow_and_new_ones_stay(operated: Real) -> None:
    airflow, (old, new) = operated.airflow(), [run(operated, "accept_loss", why="nothing is lost") for _ in range(2)]
    before = (
        dt.datetime.now(dt.UTC) - dt.timedelta(days=operated.settings.airflow_history_days, minutes=1)
    ).isoformat()
    with closing(sqlite3.connect(operated.settings.state / "airflow" / "airflow.db", timeout=60)) as database, database:
        for table in ("dag_run", "task_instance"):
            database.execute(f"update {table} set start_date = ? where run_id = ?", (before.replace("T", " "), old))
    first, daily = maintained_at(operated, 5), maintained_at(operated, 6)
    states = [
        {each["task_id"]: each["state"] for each in airflow.task_instances("maintain_tables", run_id)}
        for run_id in (first, daily)
    ]
    assert (states[0]["daily"], states[1]["daily"]) == ("skipped", "success")  # the first one might be a new stack's
    assert "are deleted, and" in airflow.task_log("maintain_tables", daily, "forget_old_runs")
    assert "is merged into its image" in airflow.task_log("maintain_tables", daily, "checkpoint_hdfs")
    left = {each["dag_run_id"] for each in airflow.runs("accept_loss", "run_type=manual")}
    assert old not in left and new in left
    assert airflow.task_log("accept_loss", new, "accept_loss")
    run(operated, "accept_loss", why="nothing is lost")  # Airflow goes on


def test_maintenance_and_accepted_losses_run_green_and_change_nothing_that_counts(operated: Real) -> None:
    before = operated.value("select count(*) from game.sword_purchases")
    run(operated, "maintain_tables")
    run_id = run(operated, "accept_loss", why="nothing is lost")
    assert "there is no loss to accept" in operated.airflow().task_log("accept_loss", run_id, "accept_loss")
    assert operated.value("select count(*) from game.sword_purchases") == before
    operated.check_invariants()
