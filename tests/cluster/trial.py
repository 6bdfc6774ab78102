"""One fault: events are sent, a container is hit, and the oracle is asked after each run of ingest that follows."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from lakehouse.clients.airflow import ENDED, AirflowApi, AirflowError
from lakehouse.settings import CHECKOUT, Settings
from stack.environment import AIRFLOW_USER
from tests.cluster import results
from tests.cluster.containers import Containers, NotBack
from tests.cluster.faults import Fault
from tests.faults import oracle
from tests.faults.load import Load
from tests.kept import code_hash, commit, now
from tests.real import Real

ROWS = 80  # events sent before the fault
MOST_RUNS = 3  # of ingest after a fault, until all is as it was
RUN_BEGINS = 3.0  # seconds from its start until a run works
RUN_SECONDS = 240.0  # that one of them may take, the wait for its minute included
PASSWORDS = CHECKOUT / ".compose" / "airflow_passwords"
DAG = "ingest_events"
# The API takes an event, or says 503; nginx says 502 or 504 when both are gone. 0: no answer.
EXPECTED = (0, 200, 502, 503, 504)


@dataclass
class Cluster:
    """A cluster that runs, by its published ports."""

    containers: Containers
    real: Real = field(default_factory=lambda: Real(Settings()))

    def _airflow(self) -> AirflowApi:
        password = json.loads(PASSWORDS.read_text())[AIRFLOW_USER]
        return AirflowApi(self.real.settings.airflow_url, AIRFLOW_USER, password)

    def runs(self) -> dict[str, str]:
        """The runs of ingest that have ended, and how."""
        newest = self._airflow().get(f"/dags/{DAG}/dagRuns?limit=50&order_by=-run_after")["dag_runs"]
        return {run["dag_run_id"]: run["state"] for run in newest if run["state"] in ENDED}

    def trigger(self) -> None:
        """Starts a run of ingest at once, if none is under way; where Airflow does not answer, its schedule will."""
        with suppress(AirflowError):
            airflow = self._airflow()
            if not airflow.active_runs_of([DAG]):
                airflow.trigger(DAG)

    def runs_when_it_answers(self, seconds: float = 180.0) -> dict[str, str]:
        until = time.monotonic() + seconds
        while True:
            try:
                return self.runs()
            except AirflowError:
                if time.monotonic() > until:
                    raise
                time.sleep(2)


@dataclass
class Trial:
    """What is known of a trial while it runs."""

    cluster: Cluster
    name: str
    load: Load
    before: int
    hit: str = ""
    meanwhile: int = 0
    runs_meanwhile: str = ""
    runs_after: int = 0
    seconds_after: float = 0.0
    note: str = ""

    def wrong(self) -> list[str]:
        """The oracle's word on what was sent."""
        places = {each.event_id: each.places for each in self.load.sent.values()}
        sent = oracle.Sent(places, frozenset(self.load.acknowledged))
        return oracle.judge(sent, oracle.read(self.cluster.real, self.before))

    def result(self, outcome: str) -> results.Result:
        return results.Result(
            date=now(),
            commit=commit(),
            code=code_hash(),
            fault=self.name,
            hit=self.hit,
            acknowledged=len(self.load.acknowledged),
            meanwhile=self.meanwhile,
            refused=sum(count for status, count in self.load.answers.items() if status != 200),
            runs_meanwhile=self.runs_meanwhile,
            runs_after=self.runs_after,
            seconds_after=round(self.seconds_after, 1),
            outcome=outcome,
            note=self.note,
        )


def begin(cluster: Cluster, name: str) -> Trial:
    """Waits until nothing is ill, from an earlier trial perhaps."""
    cluster.containers.wait_until_healthy()
    before = oracle.last_entry(cluster.real)
    load = Load(cluster.real.settings.api_url, f"{name}@{before}", f"{name} {before}", ROWS)
    return Trial(cluster, name, load, before)


def run(cluster: Cluster, fault: Fault) -> results.Result:
    """Runs one trial."""
    trial = begin(cluster, fault.name)
    try:
        with trial.load:
            trial.load.wait_for(ROWS)
            strike(trial, fault)
            over = time.monotonic()
            trial.load.wait_for(10)
        wrong = recover(trial, over)
        cluster.containers.wait_until_healthy()
    except (NotBack, TimeoutError, AirflowError) as why:
        wrong = [f"stuck: {why}"]
    wrong += [
        f"unexpected: {status} was answered {count} times"
        for status, count in trial.load.answers.items()
        if status not in EXPECTED
    ]
    return trial.result("; ".join(wrong) or results.PASSED)


def strike(trial: Trial, fault: Fault) -> None:
    """The fault begins, lasts and ends; what was acknowledged and which runs ended meanwhile is noted."""
    known, there = trial.cluster.runs(), len(trial.load.acknowledged)
    trial.cluster.trigger()  # so that the fault meets a run
    time.sleep(RUN_BEGINS)
    trial.hit = fault.strike(trial.cluster.containers)
    try:
        time.sleep(fault.seconds)
    finally:
        fault.mend(trial.cluster.containers, trial.hit)
    trial.meanwhile = len(trial.load.acknowledged) - there
    ended = {run: state for run, state in trial.cluster.runs_when_it_answers().items() if run not in known}
    trial.runs_meanwhile = ", ".join(
        f"{number} {state}" for state in ENDED if (number := list(ended.values()).count(state))
    )


def recover(trial: Trial, over: float) -> list[str]:
    """Asks the oracle after each run that ends, until it finds nothing or three have ended. Returns what it finds."""
    known = set(trial.cluster.runs_when_it_answers())
    wrong: list[str] = []
    for number in range(1, MOST_RUNS + 1):
        trial.cluster.trigger()
        run_id, state = next_run(trial.cluster.runs_when_it_answers, known)
        known.add(run_id)
        wrong = trial.wrong() if state == "success" else [f"stuck: run {number} after the fault ended with {state}"]
        trial.runs_after, trial.seconds_after = number, time.monotonic() - over
        if not wrong:
            break
        # A run that began before the last events were sent cannot have brought them.
        trial.note += f"after run {number} still {len(wrong)} to come, {wrong[0]}; "
    return wrong


def next_run(ended: Callable[[], dict[str, str]], known: set[str]) -> tuple[str, str]:
    """The run that ends next, and how."""
    until = time.monotonic() + RUN_SECONDS
    while not (new := {run: state for run, state in ended().items() if run not in known}):
        if time.monotonic() > until:
            raise NotBack(f"no run of ingest ended in {RUN_SECONDS:.0f} s")
        time.sleep(2)
    return min(new.items())


def mutation(cluster: Cluster) -> results.Result:
    """Drops one acknowledged event from its table, behind the back of all; the oracle must name it."""
    trial = begin(cluster, results.MUTATION)
    with trial.load:
        trial.load.wait_for(ROWS)
    if wrong := recover(trial, time.monotonic()):
        return trial.result("; ".join(wrong))
    event = next(
        each
        for each in trial.load.sent.values()
        if each.event_id in trial.load.acknowledged and not any(":" in place for place in each.places)
    )
    (table,) = event.places
    spark_sql(cluster.containers, f"delete from game.{table} where event_id = '{event.event_id}'")
    trial.hit = "a row"
    named = [line for line in trial.wrong() if line.startswith("lost") and event.event_id in line]
    trial.note = f"the oracle said: {named[0]}" if named else "the oracle did not notice"
    return trial.result(results.CAUGHT if named else "not caught")


def spark_sql(containers: Containers, statement: str) -> None:
    code = (
        "import sys; from jobs.runtime.session import spark_session; from lakehouse.settings import Settings;"
        "spark_session(Settings.load(), 'test').sql(sys.argv[1]).collect()"
    )
    containers.run("airflow-scheduler", "python", "-W", "ignore", "-c", code, statement)
