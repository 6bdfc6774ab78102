"""One trial: sends events, brings a job to its point, makes the fault, recovers as Airflow does, asks the oracle."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lakehouse.names import STAGING
from lakehouse.settings import CHECKOUT
from tests import kept
from tests.faults import matrix, oracle, results
from tests.faults.events import ONLY_BLUE, junk
from tests.faults.jobs import Jobs, Stuck
from tests.faults.load import Load
from tests.faults.matrix import Trial
from tests.faults.servers import Servers, send
from tests.faults.watch import Watch
from tests.real import Place, Real, contracts_with

ROWS = 80  # events sent before the fault; some more are sent meanwhile
AFTER = 10  # that must be acknowledged after a fault of the API or of Kafka
DISK_SECONDS = 5.0  # that a disk is full, or the NameNode in safe mode, beyond the first failure
SAME_TASK = 1 / 3  # share of the trials of publish in which the task itself is tried again, not the next run
MISSES = 4  # tries to strike at a watched moment
AIRFLOW_SECONDS = 420.0
UNAVAILABLE = 503


class Impossible(Exception):
    """The trial cannot be made on this machine; the message says what it lacks."""


@dataclass
class Bench:
    """What a trial works with."""

    real: Real
    trial: Trial
    jobs: Jobs
    servers: Servers
    load: Load
    rng: random.Random
    fault_ended: float | None = None  # on the monotonic clock
    recovered: float | None = None
    note: str = ""

    def over(self) -> None:
        """The fault is over: recovery is measured from now on."""
        self.fault_ended = time.monotonic()


def run(real: Real, trial: Trial, rows: int = ROWS) -> tuple[results.Result, list[str]]:
    """Runs one trial. Returns its result, and the log that explains it."""
    began = time.monotonic()
    before = oracle.last_entry(real)
    servers, jobs = Servers(real.settings), Jobs(real)
    rng = random.Random(str(trial))
    recolored = trial.fault == matrix.CONTRACT
    load = Load(real.settings.api_url, f"{trial}@{before}", str(trial), rows, recolored)
    bench = Bench(real, trial, jobs, servers, load, rng)
    wrong: list[str] = []
    messages: dict[Place, str] = {}
    try:
        with load:
            messages = send_junk(real)
            load.wait_for(rows)
            fault_of(trial)(bench)
        recover(bench)  # the load has stopped, so that one drain reaches the end of it
        for service in hurt(trial):
            servers.wait_for(service)
        wrong += unexpected_answers(load)
    except Impossible as why:
        return result_of(bench, f"{results.SKIPPED}: {why}", began), jobs.log
    except (Stuck, TimeoutError) as why:
        wrong.append(f"stuck: {why}")
    finally:
        jobs.close()
    sent = oracle.Sent(
        {each.event_id: each.places for each in load.sent.values()}, frozenset(load.acknowledged), messages
    )
    wrong += oracle.judge(sent, oracle.read(real, before))
    return result_of(bench, "; ".join(wrong) or results.PASSED, began), jobs.log


def result_of(bench: Bench, outcome: str, began: float) -> results.Result:
    load, trial = bench.load, bench.trial
    recovery = bench.recovered - bench.fault_ended if bench.recovered and bench.fault_ended else None
    return results.Result(
        date=kept.now(),
        code=kept.code_hash(),
        commit=kept.commit(),
        seed=trial.seed,
        fault=trial.fault,
        point=trial.point,
        sent=len(load.sent),
        acknowledged=len(load.acknowledged),
        refused=sum(count for status, count in load.answers.items() if status != 200),
        outcome=outcome,
        recovery_seconds=None if recovery is None else round(recovery, 1),
        seconds=round(time.monotonic() - began, 1),
        note=bench.note,
    )


def send_junk(real: Real) -> dict[Place, str]:
    """Sends messages past the API. Returns the place where each has to end, by its place in Kafka."""
    found: dict[Place, str] = {}
    values = junk()
    for topic in dict.fromkeys(topic for topic, _, _ in values):
        here = [(value, place) for name, value, place in values if name == topic]
        found |= zip(
            real.produce(*[value for value, _ in here], topic=topic), [place for _, place in here], strict=True
        )
    return found


def recover(bench: Bench) -> None:
    """What Airflow does: the task again, or the next run, which does both; then nothing waits any more."""
    if bench.trial.job == "publish" and bench.rng.random() < SAME_TASK:
        bench.jobs.run("publish")
        bench.note += "the same task again; "
        bench.recovered = time.monotonic()
    bench.jobs.run("drain")
    bench.jobs.run("publish")
    bench.recovered = bench.recovered or time.monotonic()


def hurt(trial: Trial) -> tuple[str, ...]:
    """The services that the next trial needs back."""
    if trial.fault in matrix.SERVERS:
        return () if trial.fault == "spark" else (trial.fault,)  # recovery itself needs Spark
    return {matrix.KAFKA_DISK: ("kafka", "api"), matrix.SCHEDULER: ("airflow-scheduler",)}.get(trial.fault, ())


def unexpected_answers(load: Load) -> list[str]:
    """The API takes an event, or says 503, or is not there; it never fails otherwise."""
    return [
        f"unexpected: the API answered {status} {count} times"
        for status, count in load.answers.items()
        if status not in (0, 200, UNAVAILABLE)
    ]


# ---- the faults


def fault_of(trial: Trial) -> Callable[[Bench], None]:
    """What is done to the job at the point."""
    if trial.fault == matrix.WORKER:
        return kill_workers
    if trial.point in matrix.WATCHED:
        return strike_at_watched
    if trial.fault in matrix.SERVERS:
        return kill_server
    return {
        matrix.JOB: kill_job,
        matrix.ZOMBIE: zombie,
        matrix.CONTRACT: change_contract,
        matrix.SCHEDULER: kill_scheduler,
        matrix.KAFKA_DISK: fill_kafka,
        matrix.HDFS_DISK: fill_hdfs,
        matrix.SAFE_MODE: enter_safe_mode,
    }[trial.fault]


def prepare(bench: Bench) -> None:
    """What the job needs that is to stand at the point: publish needs a batch, registering needs something new."""
    if bench.trial.point == "during_register":
        bench.jobs.settings["contracts"] = str(new_field(bench))
    if bench.trial.job == "publish":
        bench.jobs.run("drain")


def new_field(bench: Bench) -> Path:
    """Contracts with a field that no table has yet."""
    name = f"extra_{oracle.last_entry(bench.real)}_{bench.trial.seed}"
    contract = yaml.safe_load((CHECKOUT / "contracts" / "purchase_sword.yaml").read_text())
    fields = {**contract["properties"], name: {"type": "string", "description": "Added by a trial."}}
    folder = bench.real.settings.state / "contracts" / name
    return contracts_with(folder, "purchase_sword", properties=fields)


def kill_job(bench: Bench) -> None:
    prepare(bench)
    bench.jobs.killed_at(bench.trial.job, bench.trial.point)
    bench.over()


def zombie(bench: Bench) -> None:
    """The job stands still, another run of it does its work and ends, then the first goes on."""
    prepare(bench)
    first = bench.jobs.stopped_at(bench.trial.job, bench.trial.point)
    bench.jobs.run(bench.trial.job)
    if bench.trial.job == "drain" and bench.rng.random() < 0.5:
        bench.jobs.run("publish")
        bench.note += "published before the first went on; "
    bench.over()
    bench.note += f"the first ended with {bench.jobs.go_on(first)}; "


def change_contract(bench: Bench) -> None:
    kill_job(bench)
    folder = bench.real.settings.state / "contracts" / "only-blue"
    bench.jobs.settings["contracts"] = str(contracts_with(folder, "purchase_sword", x_rules=[ONLY_BLUE]))


def kill_server(bench: Bench) -> None:
    """The job stands at the point while the server dies, then meets a server that is not there, or is new."""
    if bench.trial.point == matrix.LOAD:
        bench.servers.kill(bench.trial.fault)
    else:
        prepare(bench)
        job = bench.jobs.stopped_at(bench.trial.job, bench.trial.point)
        bench.servers.kill(bench.trial.fault)
    bench.over()
    if bench.trial.point != matrix.LOAD:
        bench.note += f"the job ended with {bench.jobs.go_on(job)}; "
    if bench.trial.fault in ("api", "kafka"):
        bench.load.wait_for(AFTER)


def ended(job: Any) -> Callable[[], bool]:
    return lambda: job.poll() is not None


def strike_at_watched(bench: Bench) -> None:
    """Kills the job at a moment seen in HDFS, and for `spark` Spark too. Else Spark goes on with the query."""
    table = "raw/events" if bench.trial.job == "drain" else "game/sword_purchases"
    committed = bench.trial.point.endswith("not_answered")
    for _ in range(MISSES):
        prepare(bench)
        watch, staging = Watch(bench.real.settings, table), Watch(bench.real.settings, STAGING)
        candidates = staging.candidates()
        spark = bench.servers.processes("spark")
        version, known = watch.next_version(), watch.data_files()
        job = bench.jobs.start(bench.trial.job)
        if bench.trial.point == "candidate_written":
            seen = staging.until_candidate(candidates, ended(job))
        elif committed:
            seen = watch.until_version(version, ended(job))
        else:
            seen = watch.until_new_file(known, ended(job))
        if seen:
            send(spark, signal.SIGSTOP)
            job.kill()
            code = bench.jobs.end(job)
            in_time = code == -signal.SIGKILL and watch.has_version(version) == committed
            if bench.trial.fault == "spark" and in_time:
                send(spark, signal.SIGKILL)
                bench.over()
                return
            send(spark, signal.SIGCONT)
            if in_time:
                bench.over()
                return
        else:
            bench.jobs.end(job)
        bench.note += "missed the moment once; "
        bench.jobs.run("drain")
        bench.jobs.run("publish")
        bench.load.wait_for(AFTER)
    raise Stuck(f"the moment {bench.trial.point} was missed {MISSES} times")


def kill_workers(bench: Bench) -> None:
    """Spark's Python workers die once the first file that they stage by themselves is there; the job may end as it will."""
    for _ in range(MISSES):
        prepare(bench)
        staging = Watch(bench.real.settings, STAGING)
        known = staging.candidates()
        job = bench.jobs.start(bench.trial.job)
        seen = staging.until_candidate(known, ended(job))
        if seen:
            bench.servers.kill_workers()
            bench.over()
        code = bench.jobs.end(job)
        if seen:
            bench.note += f"the job ended with {code}; "
            return
        bench.note += "missed the moment once; "
        bench.load.wait_for(AFTER)
    raise Stuck(f"no worker wrote a file in {MISSES} tries")


def fill_kafka(bench: Bench) -> None:
    """Kafka's disk fills up under load, while a job is at the point: events are refused with 503, and none are lost."""
    if not os.path.ismount(bench.servers.kafka_folder):
        raise Impossible("Kafka has no file system of its own here; mounting one takes root")
    job: Any = None
    if bench.trial.point != matrix.LOAD:
        prepare(bench)
        job = bench.jobs.stopped_at(bench.trial.job, bench.trial.point)
    with bench.servers.full_disk():
        bench.load.wait_for_answer(UNAVAILABLE)
        if job:
            bench.note += f"the job ended with {bench.jobs.go_on(job)}; "
        time.sleep(DISK_SECONDS)
    bench.over()
    bench.load.wait_for(AFTER)


def fill_hdfs(bench: Bench) -> None:
    refuse_writes(bench, bench.servers.full_hdfs(), "on a full HDFS")


def enter_safe_mode(bench: Bench) -> None:
    refuse_writes(bench, bench.servers.safe_mode(), "in safe mode")


def refuse_writes(bench: Bench, refusing: AbstractContextManager[object], how: str) -> None:
    """The job goes on while HDFS takes no write; it must not end well, unless nothing is left for it to write."""
    prepare(bench)
    job = bench.jobs.stopped_at(bench.trial.job, bench.trial.point)
    with refusing:
        code = bench.jobs.go_on(job)
    bench.over()
    if code == 0 and bench.trial.point != matrix.LAST_OF_DRAIN:
        raise Stuck(f"{bench.trial.job} at {bench.trial.point} ended well {how}")


def kill_scheduler(bench: Bench) -> None:
    """The task runs in Airflow when the scheduler and all its processes die; the run must come to its end by itself."""
    airflow, task = bench.real.airflow(), bench.trial.job
    airflow.unpause("ingest_events")
    try:
        run_id = airflow.trigger("ingest_events")
        until = time.monotonic() + AIRFLOW_SECONDS

        def wait(done: Callable[[], bool], what: str) -> None:
            while not done():
                if time.monotonic() > until:
                    raise Stuck(f"{what} within {AIRFLOW_SECONDS:.0f} s; run {run_id}")
                time.sleep(0.3)

        def states() -> dict[str, str]:
            return {each["task_id"]: each["state"] for each in airflow.task_instances("ingest_events", run_id)}

        wait(lambda: states().get(task) == "running", f"{task} did not start")
        bench.servers.kill("airflow-scheduler")
        bench.over()
        wait(lambda: not airflow.active_runs_of(["ingest_events"]), "the run did not come to an end")
        bench.recovered = time.monotonic()
        state = airflow.run_state("ingest_events", run_id)
        bench.note += f"the run ended with {state}; "
        if state != "success":
            raise Stuck(f"the run ended with {state}: {states()}")
    finally:
        airflow.pause("ingest_events")
