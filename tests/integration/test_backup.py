"""The machine is lost, and a stack is made of a backup: one was drained before, one was not; then the metastore is lost."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lakehouse.clients.hdfs import Hdfs
from lakehouse.clients.trino import QueryError
from lakehouse.erasure_list import read
from lakehouse.settings import CHECKOUT, Settings
from stack.control import down, up
from stack.preflight import port_is_free
from tests.answers import answers
from tests.conftest import IDLE_SECONDS
from tests.half_restored import copied, wait_until_it_copies
from tests.real import Place, Real, clean_environment, event

pytestmark = pytest.mark.timeout(1200)
KEPT = CHECKOUT / ".stack-backup-kept"  # another disk, so to say
LIST = KEPT / "erasures.jsonl"
ENVIRONMENT = {
    "LAKEHOUSE_PORT_OFFSET": "16000",
    "LAKEHOUSE_STATE": str(CHECKOUT / ".stack-backup"),
    "LAKEHOUSE_ERASURE_LIST_FILE": str(LIST),
    "LAKEHOUSE_INGEST_EVERY_MINUTES": "59",
}
PAUSED = ("ingest_events", "build_day", "maintain_tables")
BY = ("--who", "tester", "--why", "request 7")


def quiet(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.__stderr__, flush=True)


@pytest.fixture(scope="module")
def real() -> Iterator[Real]:
    """A stack of its own, with the DAGs paused; a person's settings stay out of it."""
    before = dict(os.environ)
    clean_environment()
    settings = Settings(
        port_offset=16_000, state=CHECKOUT / ".stack-backup", erasure_list_file=LIST, ingest_every_minutes=59
    )
    lose(settings)
    shutil.rmtree(KEPT, ignore_errors=True)
    try:
        KEPT.mkdir()
        up(settings, quiet)
        found = Real(settings)
        found.airflow().pause_between_runs(PAUSED, IDLE_SECONDS)
        yield found
    finally:
        lose(settings)
        shutil.rmtree(KEPT, ignore_errors=True)
        os.environ.clear()
        os.environ.update(before)


def lose(settings: Settings) -> None:
    """The machine burns down."""
    down(settings, lambda line: None)
    shutil.rmtree(settings.state, ignore_errors=True)


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "operations.cli", *arguments],
        cwd=CHECKOUT, env=os.environ | ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def lakehouse(*arguments: str, status: int = 0) -> str:
    """Runs a command of ours to its end, as a person would."""
    with start(*arguments) as process:
        said, _ = process.communicate(timeout=600)
    quiet(said)
    assert process.returncode == status, said
    return said


def killed(when: str, *arguments: str) -> None:
    """Runs a command and kills it, as kill -9 does, at the line that matches."""
    with start(*arguments) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if re.search(when, line):
                process.kill()
                break
    quiet("".join(said) + "  (killed)")
    assert process.returncode == -signal.SIGKILL, "".join(said)


def killed_while_it_copies(real: Real, *arguments: str) -> None:
    """The same, once some files are in HDFS."""
    with start(*arguments) as process:
        wait_until_it_copies(real, process, 200)
        process.kill()
        said, _ = process.communicate()
    quiet(f"{said}  (killed, with {copied(real)} files in HDFS)")
    assert process.returncode == -signal.SIGKILL and "files are in HDFS" not in said


def files(real: Real, folder: str) -> dict[str, Any]:
    return {path: status[2:] for path, status in Hdfs(real.settings).below(f"{real.settings.warehouse}/{folder}")}


def send(real: Real, player: str) -> list[Place]:
    """Messages of all kinds: for tables, for quarantine, and a repetition."""
    same = event(color="red", quantity=3, player=player)
    values = [
        same,
        same,
        event("purchase_horse", size="small", speed=1.5, quantity=2, player=player),
        event("guild_action", action="join", guild="Grüße", player=player),
        event(quantity=-1, player=player),
        b"junk",
    ]
    return [
        *real.produce(*values, spread=True),
        *real.produce(event("message", text="hi", player=player), topic="MessageHistory"),
    ]


def goes_on(real: Real) -> None:
    """What is sent from now on is in its table, and everything adds up."""
    sent = real.produce(*[event(color="blue", quantity=1) for _ in range(6)], spread=True)
    real.ingest()
    assert set(map(tuple, real.places(sent).values())) == {("sword_purchases",)}
    real.check_invariants()


@pytest.mark.extra  # with the next one it would be too long for `make test`
def test_of_a_drained_backup_every_answer_is_the_same(real: Real) -> None:
    send(real, "Anna")
    real.ingest()
    send(real, "Erica")
    real.ingest()
    day = str(real.value("select max(event_date) from raw.events"))
    real.run("rollup", "--day", day)
    real.run("audit_day", "--day", day)
    real.run("erase", *BY, erase_player="Erica")
    waiting = send(real, "Bob")
    real.airflow().unpause("ingest_events")
    said = lakehouse("backup", str(KEPT / "drained"), "--drain")
    assert "all that waited in Kafka is in tables" in said and "waited when" not in said
    real.airflow().pause_between_runs(PAUSED, IDLE_SECONDS)
    before, places = answers(real), real.places(waiting)
    history, runs = files(real, "raw"), {run["dag_run_id"] for run in real.airflow().runs("ingest_events")}
    assert set(map(len, places.values())) == {0, 1}  # one is a repetition

    lose(real.settings)
    said = lakehouse("restore", str(KEPT / "drained"), "--erasures", str(LIST), "--why", "the disk is gone", "--yes")
    assert "nothing known waited" in said and "erased again: 0" in said
    real.airflow().pause_between_runs(PAUSED, IDLE_SECONDS)
    assert answers(real) == before
    assert files(real, "raw") == history
    assert runs <= {run["dag_run_id"] for run in real.airflow().runs("ingest_events")}
    goes_on(real)


def test_of_an_undrained_backup_every_loss_is_named_and_who_was_erased_since_stays_erased(real: Real) -> None:
    send(real, "Erich")
    real.ingest()
    decided = send(real, "Carla")
    real.run("drain")
    real.run_killed("publish", "after_decide")
    planned = send(real, "Dora")
    real.run_killed("drain", "after_plan")
    waiting = send(real, "Emil")
    ids = real.topic_ids({"events", "MessageHistory"})
    said = lakehouse("backup", str(KEPT / "running"))
    assert len(re.findall(r"not in it: (events|MessageHistory)-\d .* \d+ offsets waited", said)) >= 3
    real.run("erase", *BY, erase_player="Erich")
    lose(real.settings)

    folder = str(KEPT / "running")
    again = ("restore", folder, "--erasures", str(LIST), "--why", "the disk is gone", "--yes")
    assert "without the list" in lakehouse("restore", folder, "--why", "the disk is gone", "--yes", status=2)
    killed_while_it_copies(real, *again)
    assert "did not end: run the same `lakehouse restore` again" in lakehouse("up", status=1)
    killed("✓ tables", *again)
    assert port_is_free("127.0.0.1", real.settings.trino_port)
    assert port_is_free("127.0.0.1", real.settings.api_port)
    said = lakehouse(*again)
    assert "erased again: 1" in said
    assert "was restored from this backup" in lakehouse(*again, status=1)
    real.airflow().pause_between_runs(PAUSED, IDLE_SECONDS)

    (erase,) = real.query("select entry_id, status, who from ops.batches where kind = 'erase' order by 1 desc limit 1")
    assert (erase["status"], erase["who"]) == ("done", "tester")
    for table in (*[f"game.{name}" for name in real.event_tables()], "ops.quarantine"):
        assert real.value(f"select count(*) from {table} where player = 'Erich'") == 0, table
    assert real.value("select count(*) from raw.events where from_utf8(value) like '%\"Erich\"%'") == 0
    hashes = "select distinct player_hash from ops.erasures"
    assert {each.player_hash for each in read(LIST)} == {row["player_hash"] for row in real.query(hashes)}

    lost = real.query(
        "select distinct r.topic, r.topic_id, r.partition, r.start, r.until, why from ops.losses cross join unnest(ranges) "
        f"as r(topic, topic_id, partition, start, until) where topic_id in ({', '.join(repr(i) for i in ids.values())})"
    )
    assert {(row["until"], row["why"]) for row in lost} == {(None, "the disk is gone")}
    first = {(row["topic"], row["partition"]): row["start"] for row in lost}
    assert len(first) == len(lost)
    expected = {
        (topic, part): 1 + max(o for t, p, o in decided if (t, p) == (topic, part)) for topic, part, _ in decided
    }
    assert {key: first[key] for key in expected} == expected
    assert all(offset >= first[topic, part] for topic, part, offset in [*planned, *waiting])
    by_player = real.query("select player, count(*) as n from game.sword_purchases group by 1")
    rows = {row["player"]: row["n"] for row in by_player}
    assert [rows.get(player) for player in ("Carla", "Dora", "Emil", "Erich")] == [1, None, None, None]
    goes_on(real)


@pytest.mark.extra  # each restore above makes it anew too
def test_the_metastore_alone_is_made_anew_from_the_delta_logs(real: Real) -> None:
    """Killed half-way and started again; a table that no contract names any more is found too."""
    folder = f"{real.settings.warehouse_uri}/game/of_a_removed_contract"
    real.spark_sql(f"create table game.of_a_removed_contract using delta location '{folder}' as select 1 as one")
    before = answers(real)
    real.spark_sql("drop table game.messages")  # of the metastore: its files stay
    with pytest.raises(QueryError, match="does not exist"):
        real.query("select * from game.messages")
    killed("✓ metastore", "metastore", "rebuild")
    lakehouse("metastore", "rebuild")
    assert answers(real) == before
    assert not (real.settings.state / "metastore.before").exists()
    goes_on(real)
