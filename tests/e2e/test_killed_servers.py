"""Servers killed with kill -9 under load restart by themselves, and no acknowledged event is lost or doubled."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import pytest
import requests

from expectations.pages.overview import BUILT, INGESTED
from lakehouse.clients.trino import QueryError
from stack.probes import await_service
from stack.processes import stack_processes
from tests.real import Real, new_event_id

pytestmark = pytest.mark.timeout(600)
BACK_SECONDS = 180


class Client:
    """Sends events until it is told to stop.

    Retries refused ones with their id, as clients do. Knows the acknowledged ones.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self.acknowledged: set[str] = set()
        self.refused = 0

    def __enter__(self) -> Client:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()

    def _send(self) -> None:
        event_id = new_event_id()
        while not self._stop.is_set():
            body = {"event_type": "purchase_sword", "event_id": event_id, "color": "red"}
            try:
                sent = requests.post(f"{self._url}/v1/events", json=body, headers={"Host": "killed"}, timeout=20).ok
            except requests.RequestException:
                sent = False
            if sent:
                self.acknowledged.add(event_id)
                event_id = new_event_id()
            else:
                self.refused += 1
                self._stop.wait(0.2)

    def wait_for(self, more: int) -> None:
        """Until `more` further events were acknowledged."""
        goal, until = len(self.acknowledged) + more, time.monotonic() + BACK_SECONDS
        while len(self.acknowledged) < goal:
            assert time.monotonic() < until, f"no event was acknowledged for long; {self.refused} refused"
            time.sleep(0.1)


def kill(stack: Real, service: str) -> None:
    """kill -9 of every process of the service; sees that it dies."""
    processes = stack_processes(stack.settings.state)[service]
    assert processes
    for process in processes:
        process.kill()
    for process in processes:
        process.wait(timeout=20)


def test_kafka_and_the_api_killed_under_load(stack: Real) -> None:
    with Client(stack.settings.api_url) as client:
        client.wait_for(50)
        kill(stack, "kafka")
        client.wait_for(50)
        kill(stack, "api")
        client.wait_for(50)
    stack.ingest()
    found = {row["event_id"] for row in stack.query("select event_id from game.sword_purchases where host = 'killed'")}
    assert client.acknowledged <= found
    assert len(found - client.acknowledged) <= 1  # the last one, sent but not answered


def test_hdfs_metastore_spark_and_trino_killed_between_runs(stack: Real) -> None:
    sent = stack.produce(*[b'{"event_type": "default"}'] * 10)
    stack.run("drain")
    for service in ("namenode", "datanode", "metastore", "spark", "trino"):
        kill(stack, service)
    until = time.monotonic() + BACK_SECONDS
    while True:  # as Airflow does: the task is tried again
        process = stack.start("publish")
        output, _ = process.communicate(timeout=150)
        if process.returncode == 0:
            break
        assert time.monotonic() < until, output[-3000:]
        time.sleep(2)
    while True:
        try:
            places = stack.places(sent)
            break
        except QueryError as error:  # Trino is not back yet
            assert time.monotonic() < until + BACK_SECONDS, error
            time.sleep(2)
    assert set(map(tuple, places.values())) == {("default_events",)}


def test_a_trino_that_was_started_anew_is_warmed_before_anybody_looks_at_the_pages(stack: Real) -> None:
    """By the API server: a new Trino knows no query but those that it was asked since its start."""
    kill(stack, "trino")
    await_service(stack.settings, "trino", BACK_SECONDS)
    until = time.monotonic() + BACK_SECONDS
    while True:
        with suppress(QueryError):  # it has no node for a query yet
            asked = {row["query"].strip() for row in stack.query("select query from system.runtime.queries")}
            if {INGESTED.strip(), BUILT.strip()} <= asked:
                break
        assert time.monotonic() < until
        time.sleep(1)
