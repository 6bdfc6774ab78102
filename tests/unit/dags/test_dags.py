"""The DAGs as Airflow reads them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

# Airflow's own, while it reads .airflowignore.
pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")

CHECKOUT = Path(__file__).resolve().parents[3]
EXPECTED = {
    "ingest_events": ["look", "drain", "publish", "verdict"],
    "build_day": ["wait_complete", "rollup", "audit", "verdict"],
}


@pytest.fixture(scope="module")
def bag() -> Any:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(collect_dags=True)


def spark_tasks(bag: Any) -> list[Any]:
    from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

    return [task for dag in bag.dags.values() for task in dag.tasks if isinstance(task, SparkSubmitOperator)]


def test_every_dag_is_read_and_none_is_there_by_accident(bag: Any) -> None:
    assert bag.import_errors == {}
    assert set(bag.dag_ids) == set(EXPECTED)


@pytest.mark.parametrize("dag_id", EXPECTED)
def test_tasks_run_one_after_the_other(bag: Any, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    order = EXPECTED[dag_id]
    assert set(dag.task_ids) == set(order)
    for task, following in zip(order, [*order[1:], None], strict=True):
        assert dag.get_task(task).downstream_task_ids == ({following} if following else set())


@pytest.mark.parametrize("dag_id", EXPECTED)
def test_a_dag_has_docs_tags_an_owner_and_never_catches_up_by_itself(bag: Any, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    assert dag.doc_md and dag_id in dag.doc_md
    assert "lakehouse" in dag.tags
    assert not dag.catchup
    assert all(task.owner == "lakehouse" for task in dag.tasks)


def test_every_spark_task_has_retries_a_limit_the_pool_and_the_connection(bag: Any) -> None:
    tasks = spark_tasks(bag)
    assert [task.task_id for task in tasks].count("drain") == 1 and len(tasks) == 4
    for task in tasks:
        assert task.retries >= 1, task.task_id
        assert task.pool == "spark_writers", task.task_id
        assert task.execution_timeout is not None, task.task_id
        assert task._conn_id == "spark_default", task.task_id
        assert task.has_on_failure_callback, task.task_id


def test_every_spark_task_starts_a_job_that_exists_and_says_which_run_it_is(bag: Any) -> None:
    for task in spark_tasks(bag):
        assert Path(task.application).is_file(), task.application
        assert task.application_args[-2:] == ["--run", "{{ dag.dag_id }}/{{ run_id }}"]


def test_a_spark_task_hands_the_settings_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from lakehouse_tasks import spark_task

    from lakehouse.settings import Settings

    monkeypatch.setenv("LAKEHOUSE_SPARK_REMOTE", "sc://somewhere:15002")
    monkeypatch.setenv("LAKEHOUSE_HEADER_RULES", '{"Host": "drop"}')
    task = spark_task("drain", settings=Settings.load(), limit=dt.timedelta(minutes=1), if_it_fails="")
    given = task.env_vars
    assert given["LAKEHOUSE_SPARK_REMOTE"] == "sc://somewhere:15002"
    assert given["LAKEHOUSE_HEADER_RULES"] == '{"Host": "drop"}'
    assert (CHECKOUT / "jobs").is_dir() and given["PYTHONPATH"] == str(CHECKOUT)


def test_the_verdict_is_not_tried_again(bag: Any) -> None:
    for dag_id in EXPECTED:
        assert bag.dags[dag_id].get_task("verdict").retries == 0


def test_only_one_ingest_runs_at_a_time(bag: Any) -> None:
    assert bag.dags["ingest_events"].max_active_runs == 1


def test_a_day_has_an_interval_as_long_as_a_day(bag: Any) -> None:
    # A bare cron string would give intervals without width, and no day.
    assert type(bag.dags["build_day"].timetable).__name__ == "CronDataIntervalTimetable"


def test_waiting_for_a_day_takes_no_slot(bag: Any) -> None:
    task = bag.dags["build_day"].get_task("wait_complete")
    assert task.mode == "reschedule" and task.pool != "spark_writers"
