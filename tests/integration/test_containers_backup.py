"""The machine with the containers is lost: a backup of them is restored on empty volumes, killed half-way, and goes on."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from lakehouse.erasure_list import read
from lakehouse.settings import CHECKOUT, Settings
from stack.preflight import port_is_free
from stack.state.manifest import read_manifest
from tests.answers import answers
from tests.compose import PROJECT, SECRETS, airflow_of, compose, ingest, password, run, start, what_is_absent
from tests.conftest import IDLE_SECONDS
from tests.faults import oracle
from tests.faults.load import Load
from tests.half_restored import copied, wait_until_it_copies
from tests.real import Real, new_event_id

pytestmark = [pytest.mark.extra, pytest.mark.timeout(2400)]
KEPT = CHECKOUT / ".compose-test-kept"  # another disk, so to say
LIST = KEPT / "erasures.jsonl"
MINE = KEPT / "secrets"  # of whoever works here, meanwhile
ROWS = 40  # events of all kinds before the backup, and after the restore
PAUSED = ("ingest_events", "build_day", "maintain_tables")
JUNK = """
from kafka import KafkaProducer
producer = KafkaProducer(bootstrap_servers="kafka:9092", acks="all")
for topic, value in (("events", b"junk"), ("events", None), ("MessageHistory", b"{")):
    producer.send(topic, value, key=b"test").get(timeout=30)
producer.close()
"""
ERASE = """
from lakehouse.settings import Settings
from stack.bootstrap import run_job
from stack.environment import job_environment, local_settings
settings = local_settings(Settings.load())
words = ("--run", "test", "--who", "tester", "--why", "request 7")
print(*run_job(settings, job_environment(settings), "erase", *words, seconds=600), sep="\\n")
"""


@pytest.fixture(scope="module")
def real() -> Iterator[Real]:
    """The containers on volumes of their own, with secrets of their own."""
    if absent := what_is_absent():
        pytest.skip(absent)
    KEPT.mkdir(mode=0o700, exist_ok=True)
    if SECRETS.exists() and not MINE.exists():  # an earlier test that was killed has kept them
        SECRETS.rename(MINE)
    try:
        lose_everything()
        run("make", "compose-up", seconds=1800)
        yield Real(Settings())
    finally:
        lose_everything()
        if MINE.exists():
            MINE.rename(SECRETS)
        shutil.rmtree(KEPT)


def lose_everything() -> None:
    """The machine burns down, with all volumes and keys."""
    run("make", "compose-down", "VOLUMES=--volumes")
    shutil.rmtree(SECRETS, ignore_errors=True)


def tell(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.__stderr__, flush=True)


def inside(code: str, **settings: str) -> str:
    """Runs Python in a container that has what jobs have."""
    variables = [part for name, value in settings.items() for part in ("-e", f"LAKEHOUSE_{name.upper()}={value}")]
    return compose("exec", "-T", *variables, "airflow-scheduler", "python", "-c", code)


def send_all_kinds(url: str, player: str) -> None:
    """One event of each type; all of them twice, as clients do whose answer was lost."""
    examples = sorted((CHECKOUT / "tests" / "examples").glob("*/valid"))
    events = [
        json.loads(min(folder.iterdir()).read_text())["event"]
        | {"event_type": folder.parent.name, "event_id": new_event_id()}
        for folder in examples
    ]
    for _ in range(2):
        answer = requests.post(f"{url}/v1/events", json=events, headers={"X-Player-Id": player}, timeout=30)
        assert answer.ok and {item["status"] for item in answer.json()["items"]} == {"accepted"}, answer.text


def restore_words(backup: Path) -> tuple[str, ...]:
    return ("make", "compose-restore", f"FROM={backup}", f"ERASURES={LIST}", "WHY=the disk is gone", "YES=1")


def killed_while_it_copies(real: Real, *words: str) -> None:
    """Kills the container that restores, as kill -9 does, once some files are in HDFS."""
    with start(*words) as process:
        wait_until_it_copies(real, process, 600)
        labels = (f"project={PROJECT}", "service=backup")
        filters = [part for label in labels for part in ("--filter", f"label=com.docker.compose.{label}")]
        (restoring,) = run("docker", "ps", "-q", *filters).split()
        users = [line.split()[1:] for line in run("docker", "top", restoring, "-eo", "pid,uid,comm").splitlines()[1:]]
        assert ["990", "python"] in users and {uid for uid, program in users if program != "docker-init"} == {"990"}, (
            users
        )
        run("docker", "kill", restoring)
        said, _ = process.communicate(timeout=120)
    tell(f"{said}  (killed, with {copied(real)} files in HDFS)")
    assert process.returncode != 0 and "files are in HDFS" not in said and "Restored" not in said


def seen(file: Path) -> tuple[int, str]:
    """Whose a file is, and who may get at it."""
    status = file.stat()
    return status.st_uid, oct(stat.S_IMODE(status.st_mode))


def pause(real: Real) -> None:
    airflow_of(real.settings).pause_between_runs(PAUSED, IDLE_SECONDS)


def runs(real: Real) -> set[str]:
    return {run["dag_run_id"] for run in airflow_of(real.settings).runs("ingest_events")}


def test_of_a_drained_backup_every_answer_is_the_same_but_for_who_was_erased_since(real: Real) -> None:
    url, backup = real.settings.api_url, KEPT / "drained"
    with Load(url, "Anna", "before", ROWS) as load:
        load.wait_for(ROWS)
    send_all_kinds(url, "Erica")
    inside(JUNK)
    assert ingest(airflow_of(real.settings)) == "success"
    send_all_kinds(url, "Erica")
    compose("stop", "api")
    said = run("make", "compose-backup", f"TO={backup}", "DRAIN=1")
    tell(said)
    assert "all that waited in Kafka is in tables" in said and "waited when" not in said
    assert f"/host{backup}: backup " in said and "make compose-erasures TO=FILE" in said
    assert read_manifest(backup).database == "postgresql"
    mine = os.getuid()
    assert seen(backup) == (mine, "0o700") and seen(backup / "erasure.key") == (mine, "0o600")
    assert {file.stat().st_uid for file in backup.rglob("*")} == {mine}

    pause(real)
    sent = {each.event_id: each.places for each in load.sent.values()}
    assert oracle.judge(oracle.Sent(sent, frozenset(load.acknowledged)), oracle.read(real, 0)) == []
    last, before_runs, login = oracle.last_entry(real), runs(real), password()
    tell(inside(ERASE, erase_player="Erica"))
    run("make", "compose-erasures", f"TO={LIST}")
    assert len(read(LIST)) == 1 and seen(LIST) == (mine, "0o600")
    entry = oracle.last_entry(real)
    assert entry == last + 1
    # When and by which attempt it was done.
    of_the_erasure = {"entry_id": f"entry_id is not distinct from {entry}", "cause": "cause = 'erase'"}
    before = answers(real, of_the_erasure)

    lose_everything()
    began = time.monotonic()
    killed_while_it_copies(real, *restore_words(backup))
    up = start("make", "compose-up")
    assert "did not end: run the same" in up.communicate(timeout=600)[0] and up.returncode != 0
    for port in (real.settings.trino_port, real.settings.api_port, real.settings.airflow_port):
        assert port_is_free("127.0.0.1", port)
    tell("goes on")
    said = run(*restore_words(backup), seconds=1800)
    tell(f"{said}\nrestored in {time.monotonic() - began:.0f} s, with the kill")
    assert "nothing known waited" in said and "erased again: 1" in said and "Restored backup" in said
    pause(real)

    assert password() == login
    assert answers(real, of_the_erasure) == before
    for table in (*[f"game.{name}" for name in real.event_tables()], "ops.quarantine"):
        assert real.value(f"select count(*) from {table} where player = 'Erica'") == 0, table
    assert before_runs <= runs(real)
    assert real.value("select count(*) from ops.losses where why = 'the disk is gone'") > 0
    again = start(*restore_words(backup))
    assert "was restored from this backup" in again.communicate(timeout=600)[0] and again.returncode != 0

    airflow_of(real.settings).unpause("ingest_events")
    repeated = [{**each.body, "event_id": each.event_id} for each in list(load.sent.values())[:ROWS]]
    answer = requests.post(f"{url}/v1/events", json=repeated, headers={"X-Player-Id": "Anna"}, timeout=30)
    assert answer.ok
    with Load(url, "Anna", "after", ROWS) as new:
        new.wait_for(ROWS)
    assert ingest(airflow_of(real.settings)) == "success"
    sent = {each.event_id: each.places for each in new.sent.values()}
    assert oracle.judge(oracle.Sent(sent, frozenset(new.acknowledged)), oracle.read(real, entry)) == []
    real.check_invariants()
