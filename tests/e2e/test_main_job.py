"""The main job as its users see it: through HTTP, Airflow, Trino and the quality pages."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from expectations.pages import overview
from expectations.pages.counted import Counts
from expectations.pages.source import Source
from expectations.pages.waiting import Waiting
from lakehouse.clients.airflow import ENDED
from lakehouse.clients.trino import query
from lakehouse.settings import CHECKOUT
from stack.loads.demo import QUESTIONS, added, ask, compare, demo, ingest
from stack.loads.documents import PLAYERS, SHOPS, Load, sender
from tests.real import Real

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def scheduled(stack: Real) -> Iterator[Real]:
    """The stack with its DAGs unpaused, as a person has it."""
    airflow = stack.airflow()
    for dag_id in ("ingest_events", "build_day"):
        airflow.unpause(dag_id)
    yield stack
    for dag_id in ("ingest_events", "build_day"):
        airflow.pause(dag_id)


def wait_for(stack: Real, dag_id: str, run_id: str, seconds: float = 300) -> str:
    airflow, until = stack.airflow(), time.monotonic() + seconds
    while (state := airflow.run_state(dag_id, run_id)) not in ENDED:
        assert time.monotonic() < until, f"{dag_id} {run_id} is still {state}"
        time.sleep(0.5)
    return state


def test_every_answer_of_the_demo_is_equal_to_what_was_sent(scheduled: Real) -> None:
    lines = demo(scheduled.settings, scheduled.airflow(), lambda line: print(line, file=sys.__stderr__, flush=True))
    assert [line for line in lines if not line.equal] == []
    assert sum(line.sent for line in lines if line.question == "Events in valid_events") == 13_521


def test_after_the_demo_the_daily_tables_the_inventory_and_the_overview_hold_today(scheduled: Real) -> None:
    for table in ("daily_event_counts", "daily_item_sales"):
        assert scheduled.value(f"select count(*) from game.{table} where event_date >= current_date - interval '1' day")
    assert scheduled.value("select count(*) from game.player_inventory")
    source = Source(lambda sql, parameters: query(scheduled.settings, sql, parameters))
    found = overview.load(source, Counts(), scheduled.contracts, Waiting, 5, dt.datetime.now(dt.UTC))
    assert found.volume[-1] + found.volume[-2] >= 13_521
    assert {each.name for each in found.tables if sum(each.rows)} >= {
        "sword_purchases",
        "guild_actions",
        "horse_purchases",
    }


@dataclass(frozen=True)
class Sent:
    """What the fixture sent, and the answers before it and after its ingest."""

    loads: tuple[Load, ...]
    before: list[Counter[tuple[str, ...]]]
    after: list[Counter[tuple[str, ...]]]
    requests: tuple[int, int]  # requestors, acceptors: how many more there are
    event_id: str


@pytest.fixture(scope="module")
def sent(scheduled: Real) -> Sent:
    """Loads by the demo's own client (as on a machine without Apache Bench), messages and one event; one ingest."""
    settings = scheduled.settings

    def members() -> list[int]:
        return [scheduled.value(f"select count(*) from compat.{name}") for name in ("requestors", "acceptors")]

    loads = (PLAYERS[0], PLAYERS[3], SHOPS[5], SHOPS[12])
    before, members_before = [ask(settings, question) for question in QUESTIONS], members()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shutil.which", lambda name: None)
        send = sender(settings.api_url)
        for load in loads:
            send(load)
    for path in ["/request_group"] * 10 + ["/accept_member"] * 7 + ["/decline_member", "/message"]:
        assert requests.get(settings.api_url + path, timeout=30).status_code == 200
    body = {"event_type": "cart_action", "action": "add", "items": []}
    answer = requests.post(f"{settings.api_url}/v1/events", json=body, timeout=30).json()
    ingest(scheduled.airflow(), lambda _: None)
    after = [ask(settings, question) for question in QUESTIONS]
    more = tuple(now - old for now, old in zip(members(), members_before, strict=True))
    return Sent(loads, before, after, (more[0], more[1]), answer["items"][0]["event_id"])


def test_the_loads_by_the_demos_own_client_count_the_same(sent: Sent) -> None:
    for question, old, new in zip(QUESTIONS, sent.before, sent.after, strict=True):
        lines = compare(question, old, added(question, sent.loads), new)
        assert [line for line in lines if not line.equal] == []
    assert added(QUESTIONS[0], sent.loads) == {(): 100 + 100 + 10}


def test_requestors_and_acceptors_are_counted(sent: Sent) -> None:
    assert sent.requests == (10, 7)


def test_trace_finds_an_event_by_the_id_the_api_answered(sent: Sent) -> None:
    lakehouse = [sys.executable, "-m", "operations.cli", "trace", sent.event_id, "--json"]
    done = subprocess.run(lakehouse, capture_output=True, text=True, timeout=60, cwd=CHECKOUT, check=True)
    (arrival,) = json.loads(done.stdout)
    assert (arrival["place"], arrival["event_id"]) == ("cart_actions", sent.event_id)


def test_document_3s_union_runs_by_its_names(scheduled: Real) -> None:
    columns = list(
        scheduled.query("select * from compat.guild_joins union select * from compat.sword_purchases limit 1")[0]
    )
    assert columns == ["raw_event", "timestamp", "accept", "host", "user-agent", "event_type"]


def test_a_row_that_is_refused_alone_leaves_its_run_green_with_a_warning_and_a_note(scheduled: Real) -> None:
    airflow = scheduled.airflow()
    impossible = f"{scheduled.settings.api_url}/purchase_a_sword/gold/1000000001"
    assert requests.post(impossible, timeout=30).status_code == 200
    run_id = airflow.trigger("ingest_events")
    assert wait_for(scheduled, "ingest_events", run_id) == "success"
    assert "audit:quantity_possible (1 rows)" in airflow.task_log("ingest_events", run_id, "verdict")
    assert "audit:quantity_possible (1 rows)" in airflow.get(f"/dags/ingest_events/dagRuns/{run_id}")["note"]


def test_an_audit_that_fails_turns_its_run_red_and_links_to_the_page(scheduled: Real) -> None:
    airflow = scheduled.airflow()
    impossible = [{"event_type": "purchase_sword", "color": "gold", "quantity": 1_000_000_001}] * 101
    answer = requests.post(f"{scheduled.settings.api_url}/v1/events", json=impossible, timeout=30)
    assert answer.status_code == 200
    run_id = airflow.trigger("ingest_events")
    assert wait_for(scheduled, "ingest_events", run_id) == "failed"
    states = {task["task_id"]: task["state"] for task in airflow.task_instances("ingest_events", run_id)}
    assert states == {"look": "success", "drain": "success", "publish": "success", "verdict": "failed"}
    log = airflow.task_log("ingest_events", run_id, "verdict")
    page = re.search(r"/quality/batch/\d+", log)
    assert "quantity_possible" in log
    assert page, log[-2000:]
    assert "quantity_possible" in airflow.page(page[0])
    assert requests.get(f"{scheduled.settings.api_url}/", timeout=30).status_code == 200
    assert wait_for(scheduled, "ingest_events", airflow.trigger("ingest_events")) == "success"


def test_an_ingest_without_news_starts_no_spark_task(scheduled: Real) -> None:
    ingest(scheduled.airflow(), lambda _: None)
    airflow = scheduled.airflow()
    run_id = airflow.trigger("ingest_events")
    assert wait_for(scheduled, "ingest_events", run_id) == "success"
    states = {task["task_id"]: task["state"] for task in airflow.task_instances("ingest_events", run_id)}
    assert states == {"look": "success", "drain": "skipped", "publish": "skipped", "verdict": "skipped"}


def test_a_day_is_built_through_airflow(scheduled: Real) -> None:
    airflow = scheduled.airflow()
    run_id = airflow.trigger("build_day")  # the day before, which has no events, is complete
    assert wait_for(scheduled, "build_day", run_id) == "success"
    audits = scheduled.query(f"select verdict from ops.audits where run = 'build_day/{run_id}'")
    assert audits == [{"verdict": "passed"}]


def test_quality_pages_are_for_those_who_are_logged_in(scheduled: Real) -> None:
    url = f"{scheduled.settings.airflow_url}/quality/"
    assert requests.get(url, timeout=30, allow_redirects=False).status_code == 401
    page = scheduled.airflow().page("/quality/")
    assert "/quality/batch/1" in page and "sword_purchases" in page
    assert not re.search(r'(src|href)="https?://', page)


def test_status_shows_every_service(scheduled: Real) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "operations.cli", "status", "--json"],
        capture_output=True, text=True, timeout=60, cwd=CHECKOUT, check=True,
    )  # fmt: skip
    services = {service["service"]: service["state"] for service in json.loads(done.stdout)["services"]}
    assert set(services.values()) == {"running"}
    assert {"kafka", "namenode", "datanode", "metastore", "spark", "trino", "api"} <= set(services)
