"""What Prometheus and the first page of Airflow show of a real stack."""

from __future__ import annotations

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from tenacity import Retrying, retry_if_not_result, stop_after_delay, wait_fixed

from stack.probes import airflow_health
from tests.real import Real, event
from tests.unit.docker.test_prometheus import QUERIES, metrics_of

pytestmark = pytest.mark.timeout(300)
KEPT_SECONDS = 40  # more than twice as long as an answer is kept

Series = dict[str, dict[tuple[str, ...], float]]


def scraped(url: str) -> Series:
    session = requests.Session()
    session.trust_env = False
    found: Series = {}
    for family in text_string_to_metric_families(session.get(f"{url}/metrics", timeout=20).text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_every_metric_of_the_dashboard_is_there_and_says_what_the_tables_say(stack: Real) -> None:
    before = stack.value("select count(*) from ops.quarantine_open")
    stack.produce(event(), b"no JSON")
    assert requests.get(f"{stack.settings.api_url}/", timeout=20).ok
    stack.ingest()
    newest = stack.value("select max(entry_id) from ops.batches where kind = 'ingest'")
    stack.produce(event())

    def told() -> Series | None:
        found = scraped(stack.settings.metrics_url)
        unread = sum(found.get("lakehouse_unread_messages", {}).values())
        return found if (found.get("lakehouse_last_batch_id"), unread) == ({(): newest}, 1) else None

    found = Retrying(
        retry=retry_if_not_result(lambda answer: answer is not None),
        stop=stop_after_delay(KEPT_SECONDS),
        wait=wait_fixed(1),
    )(told)
    assert found is not None
    assert found["lakehouse_up"] == {("trino",): 1, ("kafka",): 1, ("spark",): 1}
    assert found["lakehouse_quarantine_open_messages"] == {(): before + 1}
    assert found["lakehouse_last_batch_info"] == {("done", "passed"): 1}
    assert found["lakehouse_open_entry_age_seconds"] == {(): 0}
    assert 0 < max(found["lakehouse_unread_oldest_age_seconds"].values()) < 300
    assert 0 < found["lakehouse_spark_memory_bytes"][()] < found["lakehouse_spark_memory_limit_bytes"][()]
    requests_of_api = scraped(stack.settings.api_url)
    shown = {name for query in QUERIES.values() for name in metrics_of(query)} - {"up"}
    assert shown <= {*found, *requests_of_api}
    stack.ingest()


def test_no_part_on_airflows_first_page_is_red(stack: Real) -> None:
    assert {part: state["status"] for part, state in airflow_health(stack.settings).items()} == dict.fromkeys(
        ("metadatabase", "scheduler", "triggerer", "dag_processor"), "healthy"
    )
