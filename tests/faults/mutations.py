"""Tests the oracle: a safeguard is left out, and the oracle, or the check after the safeguard, must notice."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests

from lakehouse.settings import CHECKOUT
from stack.environment import job_environment, local_settings, python_bin
from tests import kept
from tests.faults import oracle, results, sabotage
from tests.faults.jobs import Jobs
from tests.faults.load import Load
from tests.faults.servers import Servers, kill
from tests.faults.trial import AFTER, ROWS, send_junk
from tests.real import Place, Real

API_SECONDS = 60.0


class Bench:
    """What a mutation works with."""

    def __init__(self, real: Real, name: str, url: str, rows: int) -> None:
        self.real = real
        self.before = oracle.last_entry(real)
        self.jobs = Jobs(real)
        self.rows = rows
        self.load = Load(url, f"mutation {name}@{self.before}", name, rows)
        self.messages: dict[Place, str] = {}

    def send(self) -> None:
        """Events and messages that wait in Kafka."""
        with self.load:
            self.load.wait_for(self.rows)
        self.messages = send_junk(self.real)

    def wrong(self) -> list[str]:
        """The oracle's word."""
        places = {each.event_id: each.places for each in self.load.sent.values()}
        sent = oracle.Sent(places, frozenset(self.load.acknowledged), self.messages)
        return oracle.judge(sent, oracle.read(self.real, self.before))


def acks(bench: Bench) -> str:
    """The API does not wait for Kafka's acknowledgement: what it answered for is gone with the broker."""
    servers = Servers(bench.real.settings)
    with bench.load as load:
        load.wait_for(bench.rows)
        frozen = servers.freeze("kafka")  # its sockets still take what nobody will write down
        load.wait_for(AFTER)
        kill(frozen)
        servers.wait_for("kafka")
    bench.jobs.run("drain")
    bench.jobs.run("publish")
    return seen("lost", bench.wrong())


def staging(bench: Bench) -> str:
    """A writer that loses rows: the balance stops it, and nothing is lost."""
    bench.send()
    bench.jobs.run("drain")
    code = bench.jobs.end(bench.jobs.start("publish", change=sabotage.lose_rows))
    said = next((line for line in bench.jobs.log[-1].splitlines() if "BalanceError: the batch does not" in line), "")
    bench.jobs.run("publish")
    wrong = bench.wrong()
    return f"publish failed: {said.strip()}" if code and said and not wrong else ""


def staging_and_balance(bench: Bench) -> str:
    """The same without the balance: the rows are gone, and the oracle says so."""
    bench.send()
    bench.jobs.run("drain")
    bench.jobs.run("publish", change=sabotage.lose_rows_unnoticed)
    return seen("lost", bench.wrong())


def transactions(bench: Bench) -> str:
    """Writes without transaction ids: a second run beside a stopped one doubles its rows."""
    bench.send()
    bench.jobs.run("drain")
    bench.jobs.change = sabotage.forget_transaction_ids
    first = bench.jobs.stopped_at("publish", "between_tables")
    bench.jobs.end(bench.jobs.start("publish"))
    bench.jobs.go_on(first)
    return seen("doubled", bench.wrong())


# In this order: the last ones leave tables behind that nothing can mend.
MUTATIONS: dict[str, Callable[[Bench], str]] = {
    "acks": acks,
    "staging": staging,
    "staging, balance": staging_and_balance,
    "transactions": transactions,
}
HARMLESS = ("acks", "staging")  # they leave the tables as they should be


def run(real: Real, name: str, seed: int, rows: int = ROWS) -> results.Result:
    """Runs one mutation. Its result is CAUGHT if what it breaks was noticed."""
    began = time.monotonic()
    if name == "acks":
        with careless_api(real) as url:
            bench = Bench(real, name, url, rows)
            noticed = acks(bench)
    else:
        bench = Bench(real, name, real.settings.api_url, rows)
        noticed = MUTATIONS[name](bench)
    bench.jobs.close()
    return results.Result(
        date=kept.now(),
        code=kept.code_hash(),
        commit=kept.commit(),
        seed=seed,
        fault=results.MUTATION,
        point=name,
        sent=len(bench.load.sent),
        acknowledged=len(bench.load.acknowledged),
        refused=sum(count for status, count in bench.load.answers.items() if status != 200),
        outcome=results.CAUGHT if noticed else "not caught",
        recovery_seconds=None,
        seconds=round(time.monotonic() - began, 1),
        note=noticed,
    )


def seen(kind: str, wrong: list[str]) -> str:
    """How many lines of the kind there are, and the first of them; empty if there is none."""
    lines = [line for line in wrong if line.startswith(kind)]
    return f"{len(lines)} {kind}, such as {lines[0].partition(': ')[2]}" if lines else ""


@contextmanager
def careless_api(real: Real) -> Iterator[str]:
    """An API of its own beside the stack's, which does not wait for Kafka's acknowledgement. Gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = local_settings(real.settings)
    environment = job_environment(settings) | {
        "LAKEHOUSE_API_PORT": str(port),
        "PROMETHEUS_MULTIPROC_DIR": str(settings.state / "tmp" / "careless-api-metrics"),
    }
    command = [str(python_bin() / "python"), "-m", "tests.faults.sabotage"]
    with (settings.state / "logs" / "careless-api.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, cwd=CHECKOUT, stdout=log, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + API_SECONDS
        while not _ready(url):
            assert time.monotonic() < until, f"the API did not start; see {log.name}"
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=60)


def _ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=5).ok
    except requests.RequestException:
        return False
