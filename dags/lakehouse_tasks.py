"""The kinds of tasks that the DAGs are made of: Spark jobs, the look at Kafka, the wait for a day and the verdict."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.operators.python import PythonOperator, ShortCircuitOperator
from airflow.providers.standard.sensors.python import PythonSensor
from airflow.sdk import BaseOperatorLink, PokeReturnValue
from airflow.sdk.exceptions import AirflowFailException

from lakehouse.settings import CHECKOUT, Settings

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from lakehouse.verdict import Audited

POOL = "spark_writers"  # one slot: it saves memory; that data are right does not hang on it
RUN = "{{ dag.dag_id }}/{{ run_id }}"  # how ledger and audits name a run
DAY = "{{ ti.xcom_pull(task_ids='wait_complete') }}"
PAGE = "quality_page"
DEFAULTS = {
    "owner": "lakehouse",
    "retries": 3,
    "retry_delay": dt.timedelta(seconds=10),
    "retry_exponential_backoff": 2,
    "max_retry_delay": dt.timedelta(minutes=5),
}
log = logging.getLogger("lakehouse")


class QualityPage(BaseOperatorLink):
    """The button of a task that opens its page under /quality/, or the index if it has none of its own."""

    name = "Data quality"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        page = ti_key.xcom_pull(task_ids=ti_key.task_id, key=PAGE) if hasattr(ti_key, "xcom_pull") else None
        return f"{_quality_url(Settings.load())}{page or ''}"


def spark_task(
    task_id: str, *arguments: str, settings: Settings, limit: dt.timedelta, if_it_fails: str
) -> SparkSubmitOperator:
    """Runs jobs/<task_id>.py; with LAKEHOUSE_SPARK_REMOTE set, the job uses that warm server."""
    job = {"audit": "audit_day"}.get(task_id, task_id)
    task = SparkSubmitOperator(
        task_id=task_id,
        application=str(CHECKOUT / "jobs" / f"{job}.py"),
        name=f"lakehouse-{job}",
        application_args=[*arguments, "--run", RUN],
        conn_id="spark_default",
        pool=POOL,
        execution_timeout=limit,
        env_vars={**_environment(settings), "PYTHONPATH": str(CHECKOUT)},
        conf={"spark.yarn.maxAppAttempts": "1"},  # Airflow alone retries, so that an attempt has one log
        on_failure_callback=partial(_say_what_next, if_it_fails),
    )
    task.operator_extra_links = (QualityPage(),)
    return task


def look_task() -> ShortCircuitOperator:
    """Skips the rest of the run if Kafka holds nothing new."""
    return ShortCircuitOperator(task_id="look", python_callable=_look, execution_timeout=dt.timedelta(minutes=2))


def wait_complete_task(limit: dt.timedelta) -> PythonSensor:
    """Waits without a slot until the run's day, its XCom, is complete; fails at `limit` saying what is missing."""
    return PythonSensor(
        task_id="wait_complete",
        python_callable=partial(_wait_complete, limit),
        mode="reschedule",
        poke_interval=60,
        timeout=limit + dt.timedelta(minutes=10),  # the callable fails first, and says why
    )


def verdict_task(audits: Callable[[Settings, str], list[Audited]], if_it_fails: str) -> PythonOperator:
    """Turns the run red if one of its audits failed. It decides nothing, so trying again would not help."""
    task = PythonOperator(
        task_id="verdict",
        python_callable=partial(_verdict, audits, if_it_fails),
        retries=0,
        execution_timeout=dt.timedelta(minutes=5),
    )
    task.operator_extra_links = (QualityPage(),)
    return task


def _environment(settings: Settings) -> dict[str, str]:
    """The settings that were given to Airflow, for a job that may run elsewhere."""
    given = settings.model_dump(mode="json", include=settings.model_fields_set, exclude_none=True)
    return {
        f"LAKEHOUSE_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in sorted(given.items())
    }


def _quality_url(settings: Settings) -> str:
    return f"{settings.airflow_url}/quality/"


def _look() -> bool:
    from lakehouse.contract import load_contracts
    from lakehouse.look import anything_new

    settings = Settings.load()
    return anything_new(settings, load_contracts(settings.contracts).topics)


def _wait_complete(limit: dt.timedelta, **context: Any) -> PokeReturnValue:
    from lakehouse.completeness import DayError, day_of, missing

    run, now = context["dag_run"], dt.datetime.now(dt.UTC)
    try:
        day = day_of(context["params"].get("day"), context.get("data_interval_start"), run.run_after, now)
    except DayError as error:
        raise AirflowFailException(str(error)) from None
    absent = missing(Settings.load(), day)
    if absent and run.start_date and now - run.start_date > limit:
        raise AirflowFailException(
            f"The day {day} is not complete after {limit}:\n  "
            + "\n  ".join(absent)
            + "\nSee why ingest_events does not "
            "publish (its last red run says), then clear this task."
        )
    for sentence in absent:
        log.warning("Waiting for the day %s: %s", day, sentence)
    return PokeReturnValue(is_done=not absent, xcom_value=day.isoformat())


def _verdict(audits: Callable[[Settings, str], list[Audited]], if_it_fails: str, **context: Any) -> None:
    from lakehouse.verdict import FAILED, complaint

    settings = Settings.load()
    found = audits(settings, f"{context['dag'].dag_id}/{context['run_id']}")
    pages = [each.page for each in sorted(found, key=lambda each: each.verdict == FAILED) if each.page]
    if pages:
        context["ti"].xcom_push(key=PAGE, value=pages[-1])
    words = complaint(found, _quality_url(settings), if_it_fails)
    if words:
        raise AirflowFailException(words)


def _say_what_next(words: str, context: Any) -> None:
    log.error("%s failed. %s", context["task_instance"].task_id, words)
