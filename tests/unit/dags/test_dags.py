"""The DAGs as Airflow reads them."""

from __future__ import annotations

import copy
import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lakehouse.settings import Settings

# Airflow's own, while it reads .airflowignore.
pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")

CHECKOUT = Path(__file__).resolve().parents[3]
CHANGED_DAYS = {"find_changed_days": {"build_changed_days"}, "build_changed_days": set[str]()}
EXPECTED: dict[str, dict[str, set[str]]] = {  # task -> what follows it
    "ingest_events": {"look": {"drain"}, "drain": {"publish"}, "publish": {"verdict"}, "verdict": set()},
    "build_day": {
        "wait_complete": {"rebuild_asked"},
        "rebuild_asked": {"rebuild"},
        "rebuild": {"rollup"},
        "rollup": {"audit"},
        "audit": {"verdict"},
        "verdict": set(),
    },
    "replay_quarantine": {"replay": {"verdict"}, "verdict": {"find_changed_days"}, **CHANGED_DAYS},
    "discard_quarantine": {"discard": {"verdict"}, "verdict": set()},
    "erase_player": {
        "approve": {"erase"},
        "erase": {"verdict"},
        "verdict": {"find_changed_days"},
        **CHANGED_DAYS,
    },
    "accept_loss": {"accept_loss": set()},
    "maintain_tables": {
        "compact": set(),
        "daily_due": {"daily", "forget_old_runs", "checkpoint_hdfs"},
        "daily": set(),
        "forget_old_runs": set(),
        "checkpoint_hdfs": set(),
        **CHANGED_DAYS,
    },
    "rebuild_live": {"rebuild_live": set()},
}
UNRECORDED = ["nul\0in it", "       ", "x   ", "two\nlines", "ends\n", "esc\x1b[31m", "x" * 1001]
RECORDED = {"replay_quarantine", "discard_quarantine", "erase_player", "accept_loss"}  # who asked for them, and why
BY_HAND = RECORDED | {"rebuild_live"}


@pytest.fixture(scope="module")
def bag() -> Any:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(collect_dags=True)


def filled_in(dag: Any, conf: dict[str, Any]) -> dict[str, Any]:
    """What a run's tasks see of its form."""
    from airflow.sdk.definitions.param import process_params

    form: Any = SimpleNamespace(params=copy.deepcopy(dag.params))  # it would be filled in for all tests
    task: Any = SimpleNamespace(params={})
    return process_params(form, task, conf, suppress_exception=False)


def spark_tasks(bag: Any) -> list[Any]:
    from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

    return [task for dag in bag.dags.values() for task in dag.tasks if isinstance(task, SparkSubmitOperator)]


def test_every_dag_is_read_and_none_is_there_by_accident(bag: Any) -> None:
    assert bag.import_errors == {}
    assert set(bag.dag_ids) == set(EXPECTED)


@pytest.mark.parametrize("dag_id", EXPECTED)
def test_tasks_follow_each_other_as_designed(bag: Any, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    assert {task.task_id: task.downstream_task_ids for task in dag.tasks} == EXPECTED[dag_id]


@pytest.mark.parametrize("dag_id", EXPECTED)
def test_a_dag_has_docs_tags_an_owner_and_never_catches_up_by_itself(bag: Any, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    assert dag.doc_md and dag_id in dag.doc_md
    assert "lakehouse" in dag.tags
    assert not dag.catchup
    assert all(task.owner == "lakehouse" for task in dag.tasks)


def test_every_spark_task_has_retries_a_limit_the_pool_and_the_connection(bag: Any) -> None:
    tasks = spark_tasks(bag)
    assert [task.task_id for task in tasks].count("drain") == 1 and len(tasks) == 12
    for task in tasks:
        assert task.retries >= 1, task.task_id
        assert task.pool == "spark_writers", task.task_id
        assert task.execution_timeout is not None, task.task_id
        assert task._conn_id == "spark_default", task.task_id
        assert task.has_on_failure_callback, task.task_id


def test_every_spark_task_starts_a_job_that_exists_and_says_which_run_it_is(bag: Any) -> None:
    for task in spark_tasks(bag):
        path = Path(task.application)
        assert path.parent == CHECKOUT / "jobs" and path.is_file(), path
        assert task.application_args[-2:] == ["--run", "{{ dag.dag_id }}/{{ run_id }}"]


def test_a_spark_task_hands_the_settings_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from lakehouse_tasks import spark_task

    from lakehouse.settings import Settings

    monkeypatch.setenv("LAKEHOUSE_SPARK_REMOTE", "sc://somewhere:15002")
    monkeypatch.setenv("LAKEHOUSE_HEADER_RULES", '{"Host": "drop"}')
    task = spark_task("drain", settings=Settings.load(), limit=dt.timedelta(minutes=1), if_it_fails="")
    given = task.env_vars
    assert given is not None
    assert given["LAKEHOUSE_SPARK_REMOTE"] == "sc://somewhere:15002"
    assert given["LAKEHOUSE_HEADER_RULES"] == '{"Host": "drop"}'
    assert (CHECKOUT / "jobs").is_dir() and given["PYTHONPATH"] == str(CHECKOUT)


def test_the_verdict_is_not_tried_again(bag: Any) -> None:
    for dag_id in EXPECTED:
        if "verdict" in EXPECTED[dag_id]:
            assert bag.dags[dag_id].get_task("verdict").retries == 0


def test_only_one_ingest_runs_at_a_time(bag: Any) -> None:
    assert bag.dags["ingest_events"].max_active_runs == 1


def test_a_day_has_an_interval_as_long_as_a_day(bag: Any) -> None:
    # A bare cron string would give intervals without width, and no day.
    assert type(bag.dags["build_day"].timetable).__name__ == "CronDataIntervalTimetable"


def test_waiting_for_a_day_takes_no_slot(bag: Any) -> None:
    task = bag.dags["build_day"].get_task("wait_complete")
    assert task.mode == "reschedule" and task.pool != "spark_writers"


def test_a_dag_starts_by_itself_or_by_hand_and_the_schedules_are_unpaused_with_the_stack(bag: Any) -> None:
    from stack.bootstrap import UNPAUSED

    assert {dag_id for dag_id, dag in bag.dags.items() if not dag.timetable.can_be_scheduled} == BY_HAND
    assert set(UNPAUSED) == set(bag.dag_ids)  # a run of a paused DAG would stay queued, also one started by hand


def test_a_day_is_built_whether_or_not_a_rebuild_was_asked_for(bag: Any) -> None:
    dag = bag.dags["build_day"]
    assert not dag.get_task("rebuild_asked").ignore_downstream_trigger_rules  # skips rebuild only
    assert dag.get_task("rollup").trigger_rule == "none_failed"
    asked = dag.get_task("rebuild_asked").python_callable
    assert asked(params={"rebuild_from_raw": True}) is True
    assert asked(params={"rebuild_from_raw": False}) is False


class Maintained:
    """A run of maintain_tables in a history: when earlier runs came to the daily work."""

    dag_id = "maintain_tables"

    def __init__(self, *daily: str, first: bool = False) -> None:
        self.daily = [dt.datetime.fromisoformat(f"{each}Z") for each in daily]
        self.first = first

    def get_previous_dagrun(self) -> object:
        return None if self.first else object()

    def get_ti_count(
        self, dag_id: str, *, task_ids: list[str], states: list[str], logical_dates: list[dt.datetime]
    ) -> int:
        assert (dag_id, task_ids, states) == (self.dag_id, ["daily"], ["success", "failed"])
        assert logical_dates  # none would mean any
        return len(set(self.daily) & set(logical_dates))


@pytest.mark.parametrize(
    ("now", "history", "due"),
    [
        ("2026-03-04T03:17", Maintained("2026-03-03T03:17"), True),
        ("2026-03-04T04:17", Maintained("2026-03-04T03:17"), False),
        ("2026-03-05T02:17", Maintained("2026-03-04T03:17"), False),
        ("2026-03-05T02:17", Maintained("2026-03-05T01:17"), False),
        ("2026-03-04T20:17", Maintained("2026-03-03T20:17"), True),  # of a machine that is off at night
        ("2026-03-04T21:17", Maintained("2026-03-03T20:17", "2026-03-04T20:17"), False),
        ("2026-03-05T01:17", Maintained("2026-03-03T20:17"), True),
        ("2026-03-04T20:17", Maintained(first=True), False),
        ("2026-03-04T03:17", Maintained(first=True), False),
        ("2026-03-04T21:17", Maintained(), True),
    ],
)
def test_daily_work_is_due_in_the_first_run_after_three_that_comes_to_it(
    bag: Any, now: str, history: Maintained, due: bool
) -> None:
    run = SimpleNamespace(run_after=dt.datetime.fromisoformat(f"{now}Z"), run_type="scheduled")
    task = bag.dags["maintain_tables"].get_task("daily_due")
    assert task.python_callable(params={"daily": False}, dag_run=run, ti=history) is due


@pytest.mark.parametrize("daily", [True, False])
def test_by_hand_daily_work_is_done_if_asked_for(bag: Any, daily: bool) -> None:
    run = SimpleNamespace(run_after=dt.datetime(2026, 3, 4, 3, 17, tzinfo=dt.UTC), run_type="manual")
    task = bag.dags["maintain_tables"].get_task("daily_due")
    assert task.python_callable(params={"daily": daily}, dag_run=run, ti=Maintained()) is daily


@pytest.mark.parametrize("minute", [16, 18, 50])
def test_a_new_stack_waits_for_its_first_maintenance(bag: Any, monkeypatch: pytest.MonkeyPatch, minute: int) -> None:
    from airflow.timetables import trigger
    from airflow.timetables.base import TimeRestriction

    dag, now = bag.dags["maintain_tables"], dt.datetime(2026, 11, 22, 9, minute, tzinfo=dt.UTC)
    monkeypatch.setattr(trigger, "utcnow", lambda: now)
    timetable = trigger.CronTriggerTimetable(  # the scheduler's own class
        dag.timetable.expression, timezone="UTC", run_immediately=dag.timetable.run_immediately
    )
    first = timetable.next_dagrun_info(
        last_automated_data_interval=None, restriction=TimeRestriction(dag.start_date, None, catchup=False)
    )
    assert first is not None and first.run_after > now


def test_a_form_that_changes_data_asks_why_and_a_selection_starts_as_a_dry_run(bag: Any) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    for dag_id in RECORDED:
        with pytest.raises(ParamValidationError, match="why"):
            filled_in(bag.dags[dag_id], {"player": "p"} if dag_id == "erase_player" else {})
    for dag_id in ("replay_quarantine", "discard_quarantine"):
        params = bag.dags[dag_id].params
        assert params["dry_run"] is True and "Switch it off" in params.get_param("dry_run").description


@pytest.mark.parametrize(
    ("dag_id", "conf"),
    [
        ("replay_quarantine", {"why": "fixed", "event_type": "no_such_type"}),
        ("replay_quarantine", {"why": "fixed", "batch_id": 0}),
        ("replay_quarantine", {"why": "fixed", "since": "yesterday"}),
        ("replay_quarantine", {"why": "fixed", "batch_id": 2**63}),
        ("replay_quarantine", {"why": "x"}),
        *[(dag_id, {"why": why, "player": "p"}) for dag_id in sorted(RECORDED) for why in UNRECORDED],
        *[("replay_quarantine", {"why": "fixed", "waiver": waiver}) for waiver in UNRECORDED],
        *[("build_day", {"reason": reason}) for reason in UNRECORDED],
        ("accept_loss", {"why": "disk full", "expected": "nul\0"}),
        ("erase_player", {"why": "request 12", "player": "nul\0"}),
        ("erase_player", {"why": "request 12", "player": ""}),
        ("build_day", {"tables": ["no_such_table"]}),
        ("build_day", {"day": "tomorrow"}),
    ],
)
def test_a_form_refuses_what_cannot_be_meant(bag: Any, dag_id: str, conf: dict[str, Any]) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        filled_in(bag.dags[dag_id], conf)


def prepared(bag: Any, dag_id: str, task_id: str, user: str | None = "ada", **conf: Any) -> Any:
    """The task as its job is started: templates rendered with this configuration, as a worker does it."""
    dag = bag.dags[dag_id]
    task = dag.get_task(task_id).prepare_for_execution()
    context = {
        "dag": dag,
        "dag_run": SimpleNamespace(triggering_user_name=user),
        "run_id": "r1",
        "params": filled_in(dag, conf),
        "task": task,
        "ti": SimpleNamespace(xcom_pull=lambda task_ids: "2026-03-04"),
    }
    task.render_template_fields(context, dag.get_template_env())
    rendered = json.dumps([getattr(task, name) for name in task.template_fields])
    task._pre_execute_hook(context)
    task.rendered_json = rendered
    return task


def arguments(bag: Any, dag_id: str, task_id: str, user: str | None = "ada", **conf: Any) -> list[str]:
    *found, run, name = prepared(bag, dag_id, task_id, user, **conf).application_args
    assert run == "--run" and name == f"{dag_id}/r1"
    return list(map(str, found))


def test_an_empty_form_selects_all_and_says_nothing_of_what_was_left_out(bag: Any) -> None:
    assert arguments(bag, "replay_quarantine", "replay", why="fixed it") == [
        "--selection={}",
        "--who=ada",
        "--why=fixed it",
        "--dry-run",
    ]
    assert arguments(bag, "discard_quarantine", "discard", why="fixed it", dry_run=False, user=None) == [
        "--selection={}",
        "--who=schedule",
        "--why=fixed it",
    ]


def test_a_selection_is_json_whatever_was_typed(bag: Any) -> None:
    typed: dict[str, Any] = {
        "reason": """rule:it's "quoted" {{ 7 * 7 }} \\ <b>""",
        "event_type": "purchase_sword",
        "batch_id": 7,
        "since": "2026-01-01T00:00:00+00:00",
    }
    why = """--it's "so" {{ params.waiver }} ü"""
    selection, *others = arguments(
        bag, "replay_quarantine", "replay", **typed, why=why, waiver="seen by 'me'", dry_run=False
    )
    assert json.loads(selection.removeprefix("--selection=")) == typed
    assert others == ["--who=ada", f"--why={why}", "--waiver=seen by 'me'"]


def test_a_rebuild_names_its_tables_only_if_some_were_chosen(bag: Any) -> None:
    assert arguments(bag, "build_day", "rebuild") == [
        "--day",
        "2026-03-04",
        "--who=ada",
        "--why=no reason given",
    ]
    chosen = arguments(bag, "build_day", "rebuild", tables=["messages", "cart_actions"], reason="a rule changed")
    assert chosen[-2:] == ["--why=a rule changed", "--tables=messages,cart_actions"]


def test_a_loss_hands_on_what_was_expected(bag: Any) -> None:
    given = arguments(bag, "accept_loss", "accept_loss", why="disk full", expected="events-0 [1, 5); events-1 [2, 3)")
    assert given == ["--who=ada", "--why=disk full", "--expected=events-0 [1, 5); events-1 [2, 3)"]
    assert arguments(bag, "accept_loss", "accept_loss", why="disk full") == ["--who=ada", "--why=disk full"]


def test_an_erased_player_reaches_the_job_by_its_environment_only(bag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_ERASE_PLAYER", "nobody")  # so that it is put back
    task = prepared(bag, "erase_player", "erase", why="request 12", player="Zoë O'Neil")
    assert os.environ["LAKEHOUSE_ERASE_PLAYER"] == "Zoë O'Neil"
    for kept in (task.rendered_json, " ".join(task.application_args), str(task.env_vars)):
        assert "Neil" not in kept
    approve = bag.dags["erase_player"].get_task("approve")
    assert "player }}" not in approve.body + approve.subject and "params.why" in approve.body
    assert approve.response_timeout and approve.retries == 0


def test_whomever_the_api_lets_in_can_be_erased_and_every_allowed_name_reaches_a_process(
    bag: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    monkeypatch.setenv("LAKEHOUSE_ERASE_PLAYER", "nobody")
    longest = bag.dags["erase_player"].params.get_param("player").schema["maxLength"]
    assert longest > Settings().max_header_bytes
    prepared(bag, "erase_player", "erase", why="request 12", player="\U0001f409" * longest)
    script = "import os; print(len(os.environ['LAKEHOUSE_ERASE_PLAYER']))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) == longest
    with pytest.raises(ParamValidationError):
        filled_in(bag.dags["erase_player"], {"why": "request 12", "player": "a" * (longest + 1)})


def test_each_changed_day_is_built_once_for_each_change(bag: Any) -> None:
    for dag_id in ("replay_quarantine", "erase_player", "maintain_tables"):
        build = bag.dags[dag_id].get_task("build_changed_days")
        assert build.partial_kwargs["trigger_dag_id"] == "build_day"
        assert build.partial_kwargs["skip_when_already_exists"] and build.partial_kwargs["logical_date"] is None


def test_a_changed_day_becomes_a_run_named_after_day_and_entry(bag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from operations.changed_days import ChangedDay

    day = ChangedDay(dt.date(2026, 3, 4), 12, "entry 12 (replay) changed it")
    monkeypatch.setattr("operations.changed_days.changed_days", lambda settings, now: [day])
    (run,) = bag.dags["maintain_tables"].get_task("find_changed_days").python_callable()
    assert run == {
        "trigger_run_id": "changed__2026-03-04__entry_12",
        "conf": {"day": "2026-03-04", "reason": "entry 12 (replay) changed it"},
    }
    assert filled_in(bag.dags["build_day"], run["conf"])["day"] == "2026-03-04"
