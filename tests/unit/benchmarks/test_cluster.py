"""What the cluster costs is held against the single containers, figure by figure."""

from __future__ import annotations

import psutil
import pytest

from benchmarks import cluster, containers
from benchmarks.cluster import Seen, compare


def seen(scale: float) -> Seen:
    return Seen(
        singles=[400 / scale], batched=[5_000 / scale], runs=[10 * scale], cores=[15 * scale], queries=[0.1 * scale],
        at_rest=[0.3 * scale], memory=[4_000 * scale],
    )  # fmt: skip


def test_each_figure_is_the_clusters_beside_that_of_the_single_containers() -> None:
    table = compare(seen(2), seen(1))
    rates = [figure for figure in table.figures if figure.unit == "/s"]
    assert len(table.figures) == 7 and [figure.ratios for figure in rates] == [[0.5], [0.5]]
    assert all(figure.ratios == [2] for figure in table.figures if figure not in rates)


def test_the_memory_of_containers_is_added_in_one_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"ps": "a\nb\n", "stats": "512MiB / 1GiB\n1.5GiB / 2GiB\n100KiB / 1GiB\n"}
    monkeypatch.setattr(containers, "docker", lambda command, *_: answers[command])
    assert cluster.memory_mb() == pytest.approx(512 + 1536 + 100 / 1024)


def test_time_that_cores_wait_is_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    times = psutil.cpu_times()
    fields = dict.fromkeys(times._fields, 0.0) | {"user": 3.0, "system": 2.0, "idle": 50.0, "iowait": 7.0}
    fields |= {"guest": 1.0}  # Linux counts it in user too
    monkeypatch.setattr(psutil, "cpu_times", lambda: type(times)(**fields))
    assert cluster.busy_seconds() == pytest.approx(5.0)
