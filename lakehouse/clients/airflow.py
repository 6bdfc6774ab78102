"""A small client of Airflow's REST API, for the stack, the command and the tests."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import UTC, datetime
from http.client import responses
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import requests
from tenacity import Retrying, retry_if_exception_type, retry_if_result, stop_after_attempt, wait_incrementing

from lakehouse.clients import direct

TRIES = 5
SUCCESS, FAILED = ENDED = ("success", "failed")  # states of a run or a task that has ended
_DONE_BEFORE = {"POST": 409, "DELETE": 404}  # the status of a repeated request whose first attempt was carried out


class AirflowError(Exception):
    """Airflow refused a request or could not be reached; the message says which request and why."""


class AirflowApi:
    """One login to one Airflow; ask for a new one when its token has expired (a day).

    token: of somebody who is logged in; then user and password are not needed.
    """

    def __init__(
        self, url: str, user: str = "", password: str = "", timeout_seconds: float = 20.0, *, token: str | None = None
    ) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._session = direct.session()
        if token is None:
            token = self._call("POST", "/auth/token", {"username": user, "password": password})["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str) -> Any:
        """JSON of GET /api/v2<path>."""
        return self._call("GET", f"/api/v2{path}")

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """JSON of POST /api/v2<path>. It is not retried."""
        return self._call("POST", f"/api/v2{path}", body)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """JSON of PATCH /api/v2<path>."""
        return self._call("PATCH", f"/api/v2{path}", body)

    def dag_ids(self) -> set[str]:
        return {dag["dag_id"] for dag in self.get("/dags?limit=100&exclude_stale=true")["dags"]}

    def import_errors(self) -> list[str]:
        errors = self.get("/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in errors]

    def set_pool(self, name: str, slots: int, description: str) -> None:
        """Makes a pool, or gives an existing one its slots. A pool that is right already is not written."""
        pool = {"name": name, "slots": slots, "description": description, "include_deferred": False}
        there = {each["name"]: each for each in self.get("/pools?limit=100")["pools"]}
        if name not in there:
            self._call("POST", "/api/v2/pools", pool)
        elif not pool.items() <= there[name].items():
            self._call("PATCH", f"/api/v2/pools/{quote(name)}", pool)

    def unpause(self, dag_id: str) -> None:
        self._call("PATCH", f"/api/v2/dags/{quote(dag_id)}?update_mask=is_paused", {"is_paused": False})

    def note(self, dag_id: str, run_id: str, words: str) -> None:
        """Writes a run's note, which its list in Airflow shows; at most 1,000 characters are kept."""
        path = f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}?update_mask=note"
        self._call("PATCH", path, {"note": words[:1000]})

    def pause(self, dag_id: str) -> None:
        self._call("PATCH", f"/api/v2/dags/{quote(dag_id)}?update_mask=is_paused", {"is_paused": True})

    def pause_between_runs(self, dag_ids: Collection[str], seconds: float) -> None:
        """Pauses DAGs while no run of them is under way: a paused DAG's runs would never end.

        Raises:
            AirflowError: their runs have not ended after so many seconds; the DAGs go on.
        """
        until = time.monotonic() + seconds
        while True:
            while runs := self.active_runs_of(dag_ids):
                if time.monotonic() > until:
                    raise AirflowError(f"after {seconds:.0f} s runs are still under way: {', '.join(runs)}")
                time.sleep(0.5)
            for dag_id in dag_ids:
                self.pause(dag_id)
            if not self.active_runs_of(dag_ids):
                return
            for dag_id in dag_ids:  # the scheduler made a run between the check and the pause
                self.unpause(dag_id)

    def active_runs(self) -> list[str]:
        """Runs under way or waiting to start, as dag_id/run_id."""
        runs = self.get("/dags/~/dagRuns?limit=100&state=running&state=queued")["dag_runs"]
        return [f"{run['dag_id']}/{run['dag_run_id']}" for run in runs]

    def active_runs_of(self, dag_ids: Collection[str]) -> list[str]:
        """Those of `active_runs` that belong to these DAGs."""
        return [run for run in self.active_runs() if run.partition("/")[0] in dag_ids]

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Starts a run and gives its id. The id is made here, so that a repeated request cannot start a second run."""
        run_id = f"api__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}__{uuid4().hex[:8]}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf or {}}
        self._call("POST", f"/api/v2/dags/{quote(dag_id)}/dagRuns", body, repeatable=True)
        return run_id

    def runs(self, dag_id: str, query: str = "") -> list[dict[str, Any]]:
        """All runs of a DAG that match a query such as `state=success&run_type=backfill`."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.get(f"/dags/{quote(dag_id)}/dagRuns?{query}&limit=100&offset={len(found)}&order_by=id")[
                "dag_runs"
            ]
            found += page
            if len(page) < 100:
                return found

    def delete_run(self, dag_id: str, run_id: str) -> None:
        """Deletes a run that has ended, with its configuration and the records of its tasks."""
        self._call("DELETE", f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}")

    def link(self, dag_id: str, run_id: str) -> str:
        """Where a person sees the run."""
        return f"{self._url}/dags/{quote(dag_id)}/runs/{quote(run_id)}"

    def run_state(self, dag_id: str, run_id: str) -> str:
        return str(self.get(f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}")["state"])

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        path = f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}/taskInstances?limit=100"
        instances: list[dict[str, Any]] = self.get(path)["task_instances"]
        return instances

    def task_messages(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1, map_index: int = -1) -> list[Any]:
        """The log of one attempt of a task: JSON objects with at least `event`, or plain lines."""
        path = f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}/taskInstances/{quote(task_id)}/logs/{attempt}"
        content: list[Any] = self.get(f"{path}?full_content=true&map_index={map_index}")["content"]
        return content

    def task_log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
        """The whole log of one attempt of a task, one JSON object a line."""
        return "\n".join(map(str, self.task_messages(dag_id, run_id, task_id, attempt)))

    def page(self, path: str) -> str:
        """A page of a plugin, as text."""
        response = self._session.get(self._url + path, timeout=self._timeout_seconds)
        if not response.ok:
            raise AirflowError(f"GET {self._url}{path}: {response.status_code}")
        return response.text

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None, repeatable: bool | None = None) -> Any:
        repeatable = method != "POST" if repeatable is None else repeatable
        # Airflow on SQLite answers 500, or too late, while its database is busy. Repeatable requests are retried.
        retrying = Retrying(
            retry=retry_if_exception_type(requests.ReadTimeout)
            | retry_if_result(lambda answer: answer.status_code >= 500),
            stop=stop_after_attempt(TRIES if repeatable else 1),
            wait=wait_incrementing(1, 1),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        try:
            response = retrying(
                self._session.request, method, self._url + path, json=body, timeout=self._timeout_seconds
            )
        except requests.RequestException as error:
            raise AirflowError(
                f"{method} {self._url}{path}: Airflow does not answer ({type(error).__name__}); see `make status`"
            ) from error
        if retrying.statistics["attempt_number"] > 1 and response.status_code == _DONE_BEFORE.get(method):
            return {}
        if not response.ok:
            raise AirflowError(f"{method} {self._url}{path}: {response.status_code} {_why(response)}")
        return response.json() if response.content else {}


def _why(response: requests.Response) -> str:
    """What Airflow says of a refusal, in one line; the name of its status if it sent no words for people."""
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = None
    if isinstance(detail, list):  # of a body that FastAPI did not take: a fault each
        detail = "; ".join(str(each.get("msg", each)) if isinstance(each, dict) else str(each) for each in detail)
    if isinstance(detail, dict):
        detail = detail.get("reason") or detail.get("statement") or detail.get("message")
    return " ".join(str(detail or responses.get(response.status_code, "without a reason")).split())[:300]
