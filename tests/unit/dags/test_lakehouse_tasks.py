"""The verdict and the wait as tasks: what they raise and what they hand on."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest

from operations.verdict import Audited

NOW = dt.datetime.now(dt.UTC)


class TaskInstance:
    """Keeps what a task pushes."""

    task_id = "verdict"

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        return self.pushed.get(key)


def verdict(audits: list[Audited], instance: TaskInstance) -> None:
    from lakehouse_tasks import verdict_task

    task = verdict_task(lambda settings, run: audits if run == "ingest_events/r1" else [], "Do this next.")
    task.python_callable(dag=SimpleNamespace(dag_id="ingest_events"), run_id="r1", ti=instance)


def link_of(instance: TaskInstance) -> str:
    from lakehouse_tasks import QualityPage, verdict_task

    return QualityPage().get_link(verdict_task(lambda settings, run: [], ""), ti_key=instance)


def test_a_failed_audit_turns_the_run_red_with_entry_check_page_and_what_to_do() -> None:
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException) as raised:
        verdict([Audited("entry 7 (ingest)", "failed", ("quantity_possible",), "ingest-000007.html")], TaskInstance())
    words = str(raised.value)
    for part in ("entry 7 (ingest)", "quantity_possible", "/quality/ingest-000007.html", "Do this next."):
        assert part in words


def test_passed_audits_keep_the_run_green_and_are_linked() -> None:
    instance = TaskInstance()
    verdict([Audited("entry 7 (ingest)", "passed", (), "ingest-000007.html")], instance)
    assert link_of(instance).endswith("/quality/ingest-000007.html")


def test_of_several_audits_the_failed_one_is_linked() -> None:
    from airflow.sdk.exceptions import AirflowFailException
    from lakehouse_tasks import PAGE

    instance = TaskInstance()
    with pytest.raises(AirflowFailException):
        verdict([Audited("entry 7", "failed", ("a",), "7.html"), Audited("entry 8", "passed", (), "8.html")], instance)
    assert instance.pushed[PAGE] == "7.html"


def test_a_task_without_audit_links_the_index() -> None:
    assert link_of(TaskInstance()).endswith("/quality/")


def wait(monkeypatch: pytest.MonkeyPatch, absent: list[str], started: dt.datetime, day: str | None = None) -> Any:
    from lakehouse_tasks import wait_complete_task

    monkeypatch.setattr("operations.completeness.missing", lambda settings, day: absent)
    task = wait_complete_task(dt.timedelta(hours=1))
    run = SimpleNamespace(run_after=NOW, start_date=started)
    return task.python_callable(dag_run=run, params={"day": day}, data_interval_start=None)


def test_a_complete_day_is_handed_to_the_following_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    result = wait(monkeypatch, [], NOW, "2026-01-02")
    assert result.is_done and result.xcom_value == "2026-01-02"


def provisional(by: str, **params: Any) -> Any:
    from lakehouse_tasks import wait_complete_task

    task = wait_complete_task(dt.timedelta(hours=1))
    run = SimpleNamespace(run_after=NOW, start_date=NOW, run_type=by)
    return task.python_callable(dag_run=run, params={"provisional": True, **params}, data_interval_start=None)


def test_a_provisional_build_is_of_today_and_waits_for_nothing() -> None:
    result = provisional("manual")
    assert result.is_done and result.xcom_value in {str(NOW.date()), str(dt.datetime.now(dt.UTC).date())}


@pytest.mark.parametrize(
    ("by", "params", "words"),
    [
        ("scheduled", {}, "by hand only"),
        ("manual", {"rebuild_from_raw": True}, "only days that are over can be rebuilt"),
        ("manual", {"day": "2026-01-02"}, "only the running day"),
    ],
)
def test_a_provisional_build_of_anything_else_fails_at_once(by: str, params: dict[str, Any], words: str) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match=words):
        provisional(by, **params)


def test_an_incomplete_day_is_waited_for_and_then_fails_naming_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    absent = ["events-0: offsets [5, 9) are not published"]
    assert not wait(monkeypatch, absent, NOW).is_done
    with pytest.raises(AirflowFailException, match=r"events-0: offsets \[5, 9\)"):
        wait(monkeypatch, absent, NOW - dt.timedelta(hours=2))


def test_a_day_that_is_not_over_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match="is not over"):
        wait(monkeypatch, [], NOW, f"{dt.datetime.now(dt.UTC):%Y-%m-%d}")  # NOW may be of the day before
