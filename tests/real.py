"""A real stack for tests: its settings, jobs as processes, messages into its Kafka, and the oracle."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lakehouse import job_log
from lakehouse.clients.airflow import AirflowApi
from lakehouse.clients.kafka import admin
from lakehouse.clients.trino import USER, query
from lakehouse.contract.load import load_contracts
from lakehouse.contract.model import Contracts
from lakehouse.settings import CHECKOUT, Settings
from stack.environment import AIRFLOW_USER, airflow_password, job_environment, local_settings
from tests.forked import ForkedJob

JOB_SECONDS = 240
Place = tuple[str, int, int]  # topic, partition, offset


def said(output: str) -> str:
    """What a job printed; of each line of its log the message as the command tells it."""
    return "\n".join(line if (read := job_log.read(line)) is None else read.shown for line in output.splitlines())


@dataclass(frozen=True)
class Real:
    """The stack of a test session; `settings` point to it."""

    settings: Settings

    @property
    def contracts(self) -> Contracts:
        return load_contracts(self.settings.contracts)

    def airflow(self) -> AirflowApi:
        return AirflowApi(self.settings.airflow_url, AIRFLOW_USER, airflow_password(self.settings.state))

    def query(self, sql: str, user: str = USER) -> list[dict[str, Any]]:
        return query(self.settings, sql, user=user)

    def value(self, sql: str) -> Any:
        """The one value of a one-row answer."""
        (row,) = self.query(sql)
        (value,) = row.values()
        return value

    # ---- jobs

    def start(
        self, job: str, *arguments: str, cold: bool = False, change: Callable[[], None] | None = None, **settings: str
    ) -> subprocess.Popen[str] | ForkedJob:
        """Starts jobs/<job>.py as a process: with the warm Spark, or by spark-submit with one of its own.

        `change`: called in the process before a warm job begins.
        """
        environment = job_environment(local_settings(self.settings))
        environment |= {f"LAKEHOUSE_{name.upper()}": value for name, value in settings.items()}
        if not cold:
            return ForkedJob(job, ["--run", "test", *arguments], environment, CHECKOUT, change)
        del environment["LAKEHOUSE_SPARK_REMOTE"]
        submit = str(Path(sys.prefix) / "bin" / "spark-submit")
        return subprocess.Popen(
            [submit, "--master", "local[2]", str(CHECKOUT / "jobs" / f"{job}.py"), "--run", "test", *arguments],
            env=environment,
            cwd=CHECKOUT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(
        self, job: str, *arguments: str, cold: bool = False, change: Callable[[], None] | None = None, **settings: str
    ) -> str:
        """Runs a job to its good end. Returns what it printed."""
        process = self.start(job, *arguments, cold=cold, change=change, **settings)
        output, _ = process.communicate(timeout=JOB_SECONDS)
        assert process.returncode == 0, f"{job} ended with {process.returncode}:\n{output[-4000:]}"
        return said(output)

    def run_killed(self, job: str, kill_at: str, *arguments: str, cold: bool = False, **settings: str) -> None:
        """Runs a job that kills itself at the named point, and sees that it did."""
        process = self.start(job, *arguments, cold=cold, change=None, kill_at=kill_at, **settings)
        output, _ = process.communicate(timeout=JOB_SECONDS)
        assert process.returncode == -9, (
            f"{job} was to die at {kill_at} but ended with {process.returncode}:\n{output[-4000:]}"
        )

    def ingest(self, **settings: str) -> None:
        """Drains and publishes all that waits."""
        self.run("drain", cold=False, change=None, **settings)
        self.run("publish", cold=False, change=None, **settings)

    def spark_sql(self, statement: str) -> None:
        """Runs one statement in the warm Spark, in a process of its own."""
        code = (
            "import sys; from jobs.runtime.session import spark_session; from lakehouse.settings import Settings;"
            "spark_session(Settings.load(), 'test').sql(sys.argv[1]).collect()"
        )
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, statement],
            env=job_environment(local_settings(self.settings)),
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]

    # ---- Kafka

    def produce(self, *values: bytes | None, topic: str = "events", spread: bool = False) -> list[Place]:
        """Sends messages without the API, to one partition or `spread` over all.

        Returns their coordinates, once acknowledged.
        """
        from kafka import KafkaProducer

        producer = KafkaProducer(bootstrap_servers=self.settings.kafka_bootstrap, acks="all", max_request_size=4 << 20)
        try:
            parts = sorted(producer.partitions_for(topic)) if spread else [None]
            sent = [
                producer.send(topic, key=b"test", value=value, partition=parts[number % len(parts)])
                for number, value in enumerate(values)
            ]
            done = [future.get(timeout=30) for future in sent]
        finally:
            producer.close()
        return [(record.topic, record.partition, record.offset) for record in done]

    def topic_ids(self, topics: Collection[str]) -> dict[str, str]:
        """Kafka's ids of the topics as they are now; one that was made again has another than before."""
        with admin(self.settings) as client:
            return {
                t["name"]: str(t["topic_id"]) for t in client.describe_topics(sorted(topics)) if not t["error_code"]
            }

    # ---- the oracle

    def event_tables(self) -> list[str]:
        """Every event table there is, those of contracts that a test took away again included."""
        sql = "select table_name from information_schema.columns where table_schema = 'game' and column_name = 'raw_event'"
        return sorted(row["table_name"] for row in self.query(sql))

    def places(self, messages: Sequence[Place]) -> dict[Place, list[str]]:
        """Where each message is visible: tables, and `quarantine:<reason>`. A duplicate is nowhere."""
        ids = self.topic_ids({topic for topic, _, _ in messages})
        only = " or ".join(
            f"(topic_id = '{ids.get(t)}' and partition = {p} and \"offset\" = {o})" for t, p, o in messages
        )
        columns = 'topic, partition, "offset"'
        parts = [f"select {columns}, '{name}' as place from game.{name} where {only}" for name in self.event_tables()]
        parts.append(f"select {columns}, 'quarantine:' || reason_code from ops.quarantine_open where {only}")
        found: dict[Place, list[str]] = {message: [] for message in messages}
        for row in self.query(" union all ".join(parts)):
            found[row["topic"], row["partition"], row["offset"]].append(row["place"])
        return found

    def check_invariants(self) -> None:
        """What must hold at any time at which every entry is closed; the answers come from Trino alone."""
        columns = 'topic_id, partition, "offset"'
        tables = " union all ".join(
            [f"select {columns}, event_id from game.{name}" for name in self.event_tables()]
            + [f"select {columns}, null from ops.quarantine_open"]
        )
        assert self.query("select entry_id from ops.batches where status not in ('done', 'abandoned')") == []
        twice_in_raw = f"select {columns} from raw.events group by {columns} having count(*) > 1"
        assert self.query(twice_in_raw) == []
        twice = f"select {columns} from ({tables}) group by {columns} having count(*) > 1"
        assert self.query(twice) == []
        one_id_twice = (
            f"select event_id from ({tables}) where event_id is not null group by event_id having count(*) > 1"
        )
        assert self.query(one_id_twice) == []
        # in raw but nowhere: only as a repetition of an earlier arrival, or discarded
        lost = f"""
            select r.topic, r.partition, r."offset" from raw.events r
            where not exists (select 1 from ({tables}) t where t.topic_id = r.topic_id and t.partition = r.partition
              and t."offset" = r."offset")
            and not exists (select 1 from raw.events o where o.event_id = r.event_id
              and lower(json_extract_scalar(from_utf8(o.value), '$.event_id')) = o.event_id
              and (o.batch_id, o.topic, o.partition, o."offset") < (r.batch_id, r.topic, r.partition, r."offset"))
            and not exists (select 1 from ops.quarantine_actions a where a.action = 'discarded'
              and a.topic_id = r.topic_id and a.partition = r.partition and a."offset" = r."offset")
            """
        assert self.query(lost) == []
        gaps = """
            with plan as (select entry_id, r.topic_id, r.partition, r.start, r.until from ops.ledger
              cross join unnest(ranges) as r(topic, topic_id, partition, start, until)
              where step = 'planned' and kind = 'ingest'),
            chain as (select *, lag(until, 1, 0) over (partition by topic_id, partition order by entry_id) as before from plan)
            select * from chain where start <> before
            """
        assert self.query(gaps) == []
        counted = """
            select coalesce(sum(if(l.kind = 'ingest', c.rows, -c.rows)), 0) from ops.ledger l
            cross join unnest(counts) as c(destination, topic, partition, event_date, rows)
            where l.step = 'done' and (l.kind = 'ingest' or (l.kind = 'erase' and c.destination = 'raw'))
            """
        assert self.value("select count(*) from raw.events") == self.value(counted)


def contracts_with(folder: Path, event_type: str, **changes: Any) -> Path:
    """A copy of the contracts in `folder`, one of them changed: `x_rules=[...]` sets x-rules."""
    shutil.copytree(CHECKOUT / "contracts", folder, dirs_exist_ok=True)
    file = folder / f"{event_type}.yaml"
    new = {name.replace("x_", "x-"): value for name, value in changes.items()}
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **new}, sort_keys=False))
    return folder


def new_event_id() -> str:
    """A UUIDv7 of now."""
    millis = time.time_ns() // 1_000_000
    return str(uuid.UUID(int=millis << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)))


def event(event_type: str = "purchase_sword", **fields: Any) -> bytes:
    """A message as the API would log it."""
    body = {"event_id": new_event_id(), "event_type": event_type, "player": "tester", "host": "tester"}
    return json.dumps({**body, **fields}).encode()


def settings_of_tests() -> dict[str, str]:
    """Environment of the tests' own stack: other ports, another folder, no schedule that would run by itself."""
    return {
        "LAKEHOUSE_PORT_OFFSET": os.environ.get("TEST_STACK_PORT_OFFSET", "10000"),
        "LAKEHOUSE_STATE": str(CHECKOUT / os.environ.get("TEST_STACK_STATE", ".stack-test")),
        "LAKEHOUSE_INGEST_EVERY_MINUTES": "59",
    }


def clean_environment() -> None:
    """Takes every setting of a person's own stack out of this process, then sets those of the tests' stack."""
    for name in [name for name in os.environ if name.startswith("LAKEHOUSE_")]:
        del os.environ[name]
    os.environ.update(settings_of_tests())
