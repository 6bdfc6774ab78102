"""The harness of the cluster's faults, without a cluster: what is left, how it is told, who is counted."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import kept
from tests.cluster import __main__ as command
from tests.cluster import results, standby, trial
from tests.cluster.containers import Containers, NotBack, leader_of, states_of, wait
from tests.cluster.faults import BY_NAME, FAULTS, _another_than_the_leader
from tests.cluster.results import Result
from tests.faults.load import Load

NOBODY = Containers("nobody")
NOTHING = Load("http://nobody.invalid", "nobody", "", rows=0)
ONE = Result(
    date="2026-01-01T00:00:00Z",
    commit="abc",
    code="now",
    fault="broker",
    hit="kafka-2",
    acknowledged=300,
    meanwhile=60,
    refused=1,
    runs_meanwhile="1 success",
    runs_after=1,
    seconds_after=40.4,
    outcome="passed",
)


def inspected(service: str, running: bool = True, health: str | None = "healthy") -> dict[str, Any]:
    state: dict[str, Any] = {"Running": running, "Status": "running" if running else "exited"}
    if health:
        state["Health"] = {"Status": health}
    return {"State": state, "Config": {"Labels": {"com.docker.compose.service": service}}}


def test_who_does_not_run_or_does_not_answer_is_ill_but_not_a_step_that_has_ended() -> None:
    found = states_of(
        [
            inspected("kafka"),
            inspected("kafka-2", running=False),
            inspected("spark", health="starting"),
            inspected("topics", running=False, health=None),
        ]
    )
    assert found == {"kafka-2": "exited", "spark": "starting"}


@pytest.mark.parametrize(("node", "service"), [(1, "kafka"), (3, "kafka-3")])
def test_the_leader_is_named_by_its_service(node: int, service: str) -> None:
    assert leader_of(f"ClusterId:   x\nLeaderId:    {node}\nLeaderEpoch: 4\n") == service
    with pytest.raises(NotBack):
        leader_of("no")


def test_a_broker_that_does_not_lead_is_another_one() -> None:
    class Led(Containers):
        def leader(self) -> str:
            return self.project

    assert _another_than_the_leader(Led("kafka-2")) == "kafka"
    assert _another_than_the_leader(Led("kafka-3")) == "kafka-2"


def test_a_wait_ends_with_what_was_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with pytest.raises(NotBack, match="after 0 s it is not"):
        wait(lambda: False, 0.0, lambda: "it is not")


def test_what_passed_with_this_code_is_not_run_again() -> None:
    old, failed = replace(ONE, fault="api", code="old"), replace(ONE, fault="cut", outcome="lost: x")
    assert results.left(["broker", "api", "cut"], [ONE, old, failed], "now") == ["api", "cut"]


def test_results_survive_a_last_line_that_was_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "a" / "cluster.jsonl"
    assert kept.read(file, Result) == []
    kept.append(file, ONE)
    with file.open("a") as out:
        out.write('{"date": "2026')
    assert kept.read(file, Result) == [ONE]


def test_the_page_shows_every_fault_also_those_that_were_not_run() -> None:
    lost = replace(ONE, fault="api", outcome="lost: x was acknowledged", note="after run 1: lost")
    caught = replace(ONE, fault=results.MUTATION, outcome="caught", note="the oracle said: lost: y")
    text = results.page([ONE, lost, caught])
    assert f"* 2 of {len(FAULTS)} faults run, 1 passed" in text
    assert "* 600 events acknowledged, 1 lost, 0 doubled" in text
    assert "dropped on purpose: caught; the oracle said: lost: y" in text
    assert "| broker | " in text and "| kafka-2 | 300, 60 | 1 success | 1, 40 | passed | abc |" in text
    assert text.count("not run |") == len(FAULTS) - 2
    assert "* api: lost: x was acknowledged" in text
    assert "power loss" in text


def test_runs_are_counted_one_by_one_until_the_oracle_is_content(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = iter(
        [{}, {"a": "failed"}, {"a": "failed", "b": "success"}, {"a": "failed", "b": "success", "c": "success"}]
    )
    verdicts = iter([["lost: x"], []])

    class Cluster(trial.Cluster):
        def trigger(self) -> None:
            pass

        def runs_when_it_answers(self, seconds: float = 0) -> dict[str, str]:
            return next(ended)

    one = trial.Trial(Cluster(NOBODY), "broker", NOTHING, before=0)
    monkeypatch.setattr(trial.Trial, "wrong", lambda self: next(verdicts))
    assert trial.recover(one, 0.0) == []
    assert one.runs_after == 3
    assert "after run 1 still 1 to come, stuck: run 1 after the fault ended with failed" in one.note


def test_after_the_third_run_what_is_wrong_stays_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = {str(number): "success" for number in range(9)}
    seen = iter([{}, *(dict(list(runs.items())[:end]) for end in range(1, 9))])

    class Cluster(trial.Cluster):
        def trigger(self) -> None:
            pass

        def runs_when_it_answers(self, seconds: float = 0) -> dict[str, str]:
            return next(seen)

    one = trial.Trial(Cluster(NOBODY), "broker", NOTHING, before=0)
    monkeypatch.setattr(trial.Trial, "wrong", lambda self: ["lost: x"])
    assert trial.recover(one, 0.0) == ["lost: x"]
    assert one.runs_after == trial.MOST_RUNS == 3


def test_a_run_that_does_not_come_is_waited_for_no_longer_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "RUN_SECONDS", -1.0)
    with pytest.raises(NotBack):
        trial.next_run(lambda: {"a": "success"}, {"a"})


def test_the_command_goes_on_with_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "code_hash", lambda: "now")
    file = tmp_path / "cluster.jsonl"
    kept.append(file, ONE)
    assert command.planned(command.options_of(["--results", str(file)])) == [
        *[name for name in BY_NAME if name != "broker"],
        results.MUTATION,
    ]
    only = ["--results", str(file), "--only", "broker", "api"]
    assert command.planned(command.options_of(only)) == ["api"]
    assert command.planned(command.options_of([*only, "--again"])) == ["broker", "api"]


def test_the_page_that_is_kept_is_that_of_the_results_that_are_kept() -> None:
    found = kept.read(command.DOCS / "cluster.jsonl", Result)
    assert found and (command.DOCS / "cluster.md").read_text() == results.page(found)


def test_the_longest_time_without_an_acknowledgement_is_told() -> None:
    assert standby.longest_gap([1.0, 1.5, 9.0, 9.5]) == 7.5
    assert standby.longest_gap([3.0]) == 0.0
