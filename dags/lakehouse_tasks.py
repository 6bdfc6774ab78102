"""The kinds of tasks of the DAGs: Spark jobs, the look at Kafka, waits, approval, verdicts, builds of changed days."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.operators.python import PythonOperator, ShortCircuitOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.sensors.python import PythonSensor
from airflow.sdk import BaseOperatorLink, PokeReturnValue
from airflow.sdk.exceptions import AirflowFailException

from lakehouse.settings import CHECKOUT, Settings

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from operations.verdict import Audited

POOL = "spark_writers"  # one slot, to save memory; the ledger makes parallel jobs safe
RUN = "{{ dag.dag_id }}/{{ run_id }}"  # the name of a run in ledger and audits
DAY = "{{ ti.xcom_pull(task_ids='wait_complete') }}"
WHO = "--who={{ dag_run.triggering_user_name or 'schedule' }}"
WHY = "--why={{ params.why }}"
PLAYER = "LAKEHOUSE_ERASE_PLAYER"
PAGE = "quality_page"
DEFAULTS = {
    "owner": "lakehouse",
    "retries": 3,
    "retry_delay": dt.timedelta(seconds=10),
    "retry_exponential_backoff": 2,
    "max_retry_delay": dt.timedelta(minutes=5),
}
# A DAG that only people start.
BY_HAND: Mapping[str, Any] = {
    "schedule": None,
    "start_date": dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
    "catchup": False,
    "default_args": DEFAULTS,
}
log = logging.getLogger("lakehouse")


class QualityPage(BaseOperatorLink):
    """The button of a task that opens its page under /quality/, or the index if it has none of its own."""

    name = "Data quality"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        page = ti_key.xcom_pull(task_ids=ti_key.task_id, key=PAGE) if hasattr(ti_key, "xcom_pull") else None
        return f"{_quality_url(Settings.load())}{page or ''}"


def spark_task(
    task_id: str,
    *arguments: str,
    settings: Settings,
    limit: dt.timedelta,
    if_it_fails: str,
    job: str | None = None,
    before: Callable[[Any], None] | None = None,
    **options: Any,
) -> SparkSubmitOperator:
    """Runs jobs/<job>.py, on the warm server if LAKEHOUSE_SPARK_REMOTE is set.

    The job is named like the task by default.

    `arguments` are templates; one that renders to nothing is left out. `before` is called with the context just before
    the job starts, when the rendered templates are stored already.
    """
    job = job or task_id
    task = SparkSubmitOperator(
        task_id=task_id,
        application=str(CHECKOUT / "jobs" / f"{job}.py"),
        name=f"lakehouse-{job}",
        application_args=[*arguments, "--run", RUN],
        conn_id="spark_default",
        pool=POOL,
        execution_timeout=limit,
        spark_binary=str(CHECKOUT / "jobs" / "warm-submit") if settings.spark_remote else "spark-submit",
        env_vars={**_environment(settings), "PYTHONPATH": str(CHECKOUT)},
        conf={"spark.yarn.maxAppAttempts": "1"},  # Airflow alone retries, so that an attempt has one log
        on_failure_callback=partial(_say_what_next, if_it_fails),
        pre_execute=partial(_prepare, before),
        **options,
    )
    task.operator_extra_links = (QualityPage(),)
    return task


def hand_player_on(context: Any) -> None:
    """Hands the player's name to the job in the environment of the task's own process.

    Airflow shows and stores arguments, templates and the operator's `env_vars`; on YARN they are part of a command
    line.
    """
    os.environ[PLAYER] = context["params"]["player"]


def approval_task(subject: str, body: str, limit: dt.timedelta) -> ApprovalOperator:
    """Waits without a slot for a person. *Reject* skips the tasks after it. No answer within `limit` fails the run."""
    return ApprovalOperator(task_id="approve", subject=subject, body=body, response_timeout=limit, retries=0)


def only_if(task_id: str, condition: Callable[[Any], bool]) -> ShortCircuitOperator:
    """Skips the tasks right after it, and no other, unless `condition` of the context holds."""
    return ShortCircuitOperator(
        task_id=task_id,
        python_callable=partial(_holds, condition),
        ignore_downstream_trigger_rules=False,
        execution_timeout=dt.timedelta(minutes=2),
    )


def changed_days_tasks() -> tuple[PythonOperator, Any]:
    """Two tasks: find the built days that a newer ledger entry changed, and start build_day once for each."""
    find = PythonOperator(
        task_id="find_changed_days", python_callable=_changed_days, execution_timeout=dt.timedelta(minutes=5)
    )
    build = TriggerDagRunOperator.partial(
        task_id="build_changed_days",
        trigger_dag_id="build_day",
        logical_date=None,
        skip_when_already_exists=True,  # the run is named after day and entry, so that each change has one build
        map_index_template="{{ task.conf['day'] }}",
    ).expand_kwargs(find.output)
    find >> build
    return find, build


def servers_upkeep_tasks() -> tuple[PythonOperator, PythonOperator]:
    """Two tasks that keep small what Airflow and HDFS write down for themselves. Each waits for its turn as Spark jobs do."""
    limit = dt.timedelta(hours=1)
    return (
        PythonOperator(task_id="forget_old_runs", python_callable=_forget_old_runs, pool=POOL, execution_timeout=limit),
        PythonOperator(task_id="checkpoint_hdfs", python_callable=_checkpoint_hdfs, pool=POOL, execution_timeout=limit),
    )


def look_task() -> ShortCircuitOperator:
    """Skips the rest of the run if Kafka holds nothing new and the live state is there."""
    return ShortCircuitOperator(task_id="look", python_callable=_look, execution_timeout=dt.timedelta(minutes=2))


def wait_complete_task(limit: dt.timedelta) -> PythonSensor:
    """Waits without a slot until the run's day is complete; a provisional build does not wait.

    The day is its XCom. At `limit` it fails and says what is missing.
    """
    return PythonSensor(
        task_id="wait_complete",
        python_callable=partial(_wait_complete, limit),
        mode="reschedule",
        poke_interval=60,
        timeout=limit + dt.timedelta(minutes=10),  # the callable fails first, and says why
    )


def verdict_task(audits: Callable[[Settings, str], list[Audited]], if_it_fails: str) -> PythonOperator:
    """Turns the run red if an audit failed or an entry was abandoned. It has no retries: they would find the same."""
    task = PythonOperator(
        task_id="verdict",
        python_callable=partial(_verdict, audits, if_it_fails),
        retries=0,
        execution_timeout=dt.timedelta(minutes=5),
    )
    task.operator_extra_links = (QualityPage(),)
    return task


def _environment(settings: Settings) -> dict[str, str]:
    """The settings that Airflow was started with, for a job that may run on another machine."""
    given = settings.model_dump(mode="json", include=settings.model_fields_set, exclude_none=True)
    return {
        f"LAKEHOUSE_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in sorted(given.items())
    }


def _prepare(before: Callable[[Any], None] | None, context: Any) -> None:
    task = context["task"]
    task.application_args = [argument for argument in task.application_args if argument]
    if before is not None:
        before(context)


def _holds(condition: Callable[[Any], bool], **context: Any) -> bool:
    return condition(context)


def _changed_days() -> list[dict[str, Any]]:
    from operations.changed_days import changed_days

    found = changed_days(Settings.load(), dt.datetime.now(dt.UTC))
    for day in found:
        log.info("%s; build_day runs again for it", day.reason)
    return [
        {
            "trigger_run_id": f"changed__{day.day}__entry_{day.entry_id}",
            "conf": {"day": str(day.day), "reason": day.reason},
        }
        for day in found
    ]


def _forget_old_runs() -> None:
    from operations.airflow_history import forget_old_runs

    log.info("%s", forget_old_runs(Settings.load(), dt.datetime.now(dt.UTC)))


def _checkpoint_hdfs() -> None:
    from operations.hdfs_checkpoint import checkpoint

    log.info("%s", checkpoint(Settings.load()))


def _quality_url(settings: Settings) -> str:
    return f"{settings.airflow_page_url}/quality/"


def _look() -> bool:
    from lakehouse.contract.load import load_contracts
    from operations.live_status import is_missing
    from operations.look import anything_new

    settings = Settings.load()
    return anything_new(settings, load_contracts(settings.contracts).topics) or is_missing(settings)


def _wait_complete(limit: dt.timedelta, **context: Any) -> PokeReturnValue:
    from operations.completeness import DayError, day_of, missing, running_day

    run, now, params = context["dag_run"], dt.datetime.now(dt.UTC), context["params"]
    try:
        if params.get("provisional"):
            by_hand = run.run_type == "manual"
            today = running_day(params.get("day"), by_hand, bool(params.get("rebuild_from_raw")), now)
            return PokeReturnValue(is_done=True, xcom_value=today.isoformat())
        day = day_of(params.get("day"), context.get("data_interval_start"), run.run_after, now)
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
    from operations.verdict import complaint, warning

    settings = Settings.load()
    found = audits(settings, f"{context['dag'].dag_id}/{context['run_id']}")
    pages = [each.page for each in sorted(found, key=lambda each: each.red) if each.page]
    if pages:
        context["ti"].xcom_push(key=PAGE, value=pages[-1])
    warned = warning(found, _quality_url(settings))
    if warned:
        log.warning("%s", warned)
        _note(settings, context, warned)
    words = complaint(found, _quality_url(settings), if_it_fails)
    if words:
        raise AirflowFailException(words)


def _note(settings: Settings, context: Any, words: str) -> None:
    """Writes the note on the run, which Airflow's list of runs shows. A failure to do so changes nothing else."""
    from lakehouse.clients.airflow import AirflowError
    from operations.run_note import note

    try:
        note(settings, context["dag"].dag_id, context["run_id"], words)
    except AirflowError as error:
        log.warning("The run could not be given this as its note: %s", error)


def _say_what_next(words: str, context: Any) -> None:
    log.error("%s failed. %s", context["task_instance"].task_id, words)
