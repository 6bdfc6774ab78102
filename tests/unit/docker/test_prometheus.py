"""The alerts and the dashboard: they name metrics that are exported, each alert is tested and explained, promtool agrees."""

from __future__ import annotations

import json
import shutil
import subprocess

import promql_parser
import pytest
import yaml

from api.metrics import Metrics
from lakehouse.settings import CHECKOUT, Settings
from operations.metrics import exporter
from tests.unit.operations.exported import answering, scraped

FOLDER = CHECKOUT / "docker" / "prometheus"
RULES = [rule for group in yaml.safe_load((FOLDER / "rules.yaml").read_text())["groups"] for rule in group["rules"]]
TESTED = yaml.safe_load((FOLDER / "rules_test.yaml").read_text())["tests"]
DASHBOARD = json.loads((CHECKOUT / "docker" / "grafana" / "lakehouse.json").read_text())
QUERIES = {
    **{f"alert {rule['alert']}": rule["expr"] for rule in RULES},
    **{
        f"panel {panel['title']} {target['refId']}": target["expr"]
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
    },
}
PROMTOOL = shutil.which("promtool")
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}


def metrics_of(query: str) -> set[str]:
    """The names of all metrics in a query."""
    found: set[str] = set()

    def visit(part: promql_parser.Expr) -> None:
        if isinstance(part, promql_parser.VectorSelector):
            assert part.name, f"{query} selects without a name"
            found.add(part.name)

    promql_parser.walk(promql_parser.parse(query), visit)
    return found


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Each series that Prometheus finds; `up` is its own."""
    answering(monkeypatch)
    of_api = {f"{family.name}{suffix}" for family in Metrics().registry.collect() for suffix in SUFFIXES[family.type]}
    return {*of_api, *scraped(exporter(Settings(spark_remote="sc://127.0.0.1:15002"))), "up"}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_names_only_metrics_that_are_exported(exported: set[str], query: str) -> None:
    names = metrics_of(query)
    assert names and names <= exported


def test_the_search_for_names_finds_all_of_them() -> None:
    query = "sum by (a) (rate(one_total{b='c'}[5m])) / on() group_left max_over_time(two[1h]) > 0.9 * three and absent(four)"
    assert metrics_of(query) == {"one_total", "two", "three", "four"}


def test_every_metric_of_the_exporter_is_on_the_dashboard(exported: set[str]) -> None:
    shown = {name for title, query in QUERIES.items() if title.startswith("panel") for name in metrics_of(query)}
    assert {name for name in exported if not name.startswith("lakehouse_api_")} - {"up"} <= shown


def test_every_alert_is_seen_silent_and_firing() -> None:
    seen = {(case["alertname"], bool(case["exp_alerts"])) for test in TESTED for case in test["alert_rule_test"]}
    assert seen == {(rule["alert"], fires) for rule in RULES for fires in (True, False)}


def test_the_runbook_says_what_to_do_about_each_alert() -> None:
    page = (CHECKOUT / "docs" / "runbook.md").read_text()
    chapter = page.partition("\n# When Prometheus alerts\n")[2]
    rows = [line.split("|")[1].strip().strip("`") for line in chapter.splitlines() if line.startswith("| `")]
    assert rows == [rule["alert"] for rule in RULES]


def test_prometheus_asks_the_ports_of_a_stack_without_offset() -> None:
    scraped_ports = {
        target
        for job in yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
        for config in job["static_configs"]
        for target in config["targets"]
    }
    settings = Settings(port_offset=0)
    assert {f"http://{target}" for target in scraped_ports} == {settings.metrics_url, settings.api_url}


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells


@pytest.mark.skipif(PROMTOOL is None, reason="promtool missing; on Debian: apt-get install prometheus")
@pytest.mark.parametrize(
    "command",
    [("check", "config", "prometheus.yml"), ("check", "rules", "rules.yaml"), ("test", "rules", "rules_test.yaml")],
)
def test_promtool_agrees(command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [str(PROMTOOL), *command], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
