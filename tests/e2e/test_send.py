"""`lakehouse send` and `lakehouse tail` on real servers: after an ingest the tables hold exactly what was acknowledged."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from lakehouse.settings import CHECKOUT
from tests.real import Real

pytestmark = pytest.mark.timeout(300)

LAKEHOUSE = [sys.executable, "-m", "operations.cli"]
Counts = Counter[tuple[str, str]]  # (event type or reason, host) -> number
# What documents 2 and 3 ask, each by host: name of the question -> its event type and its SQL.
QUESTIONS = {
    "request_group": "select host, count(*) from compat.requestors group by host",
    "accept_member": "select host, count(*) from compat.acceptors group by host",
    "purchase_sword": "select host, count(*) from compat.sword_purchases where event_type = 'purchase_sword' group by host",
    "guild_action": "select host, count(*) from compat.guild_joins where event_type = 'join_guild' group by host",
    "default": "select host, count(*) from compat.default_events group by host",
}


def lakehouse(*arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LAKEHOUSE, *arguments], cwd=CHECKOUT, capture_output=True, text=True, timeout=seconds, check=False
    )


def send(*arguments: str) -> dict[str, Any]:
    done = lakehouse("send", *arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert (found["uncertain"], found["failure"]) == ({}, "")
    return found


@dataclass(frozen=True)
class Sent:
    """What each sending said, and what the tables gained: by the documents' questions, and by all tables."""

    said: dict[str, dict[str, Any]]
    answers: Counts
    rows: Counts
    quarantined: Counts
    raw: int

    def acknowledged(self, *names: str, what: str = "acknowledged") -> Counts:
        counts: Counts = Counter()
        for name in names:
            for group in self.said[name]["acknowledged"]:
                counts[group["event_type"], group["host"]] += group[what]
        return +counts


@pytest.fixture(scope="module")
def sent(stack: Real) -> Sent:
    tables = {contract.table: name for name, contract in stack.contracts.items()}

    def look() -> tuple[Counts, Counts, Counts, int]:
        answers = counted((name, sql) for name, sql in QUESTIONS.items())
        rows = counted((tables[name], f"select host, count(*) from game.{name} group by host") for name in tables)
        reasons = "select reason_code, event_type, count(*) from ops.quarantine group by 1, 2"
        quarantined = Counter({(str(r), str(t)): n for r, t, n in (row.values() for row in stack.query(reasons))})
        return answers, rows, quarantined, stack.value("select count(*) from raw.events")

    def counted(questions: Any) -> Counts:
        return Counter(
            {(name, str(host)): n for name, sql in questions for host, n in (row.values() for row in stack.query(sql))}
        )

    stack.ingest()  # what other tests left in Kafka
    before = look()
    said = {
        "load 2": send("--load", "2", "--for", "2s"),
        "load 3": send("--load", "3", "--for", "4s", "--seed", "1"),
        "play": send("--play", "--for", "4s", "--rate", "100", "--bad", "0.2", "--repeated", "0.1", "--seed", "2"),
    }
    stack.ingest()
    after = look()
    answers, rows, quarantined = (new - old for new, old in zip(after[:3], before[:3], strict=True))
    return Sent(said, answers, rows, quarantined, after[3] - before[3])


def test_the_documents_questions_answer_what_was_acknowledged(sent: Sent) -> None:
    expected = sent.acknowledged("load 2", "load 3")
    assert {event_type for event_type, _ in expected} == set(QUESTIONS) - {"accept_member"}  # it comes after 10 s
    hosts = {host for _, host in expected}
    assert {"requester.game.com", "user1.comcast.com", "user2.att.com"} <= hosts
    assert Counter({key: n for key, n in sent.answers.items() if key[1] in hosts}) == expected
    assert sent.said["load 2"]["acknowledged"][1] == {
        "event_type": "request_group", "host": "requester.game.com", "acknowledged": 10, "rows": 10, "repeated": 0,
        "to_quarantine": 0,
    }  # fmt: skip


def test_every_event_that_is_to_be_a_row_is_one_and_no_other(sent: Sent) -> None:
    expected = sent.acknowledged(*sent.said, what="rows")
    assert sent.rows == expected and expected.total() > 300


def test_a_used_id_comes_to_quarantine_and_a_repetition_nowhere(sent: Sent) -> None:
    by_type: Counts = Counter()
    for (event_type, _), number in sent.acknowledged("play", what="to_quarantine").items():
        by_type["event_id_reused", event_type] += number
    assert sent.quarantined == by_type and by_type.total() > 0
    assert sent.acknowledged("play", what="repeated").total() > 10
    assert sent.raw == sent.acknowledged(*sent.said).total()


def test_bad_events_are_refused_at_the_door_with_their_reason(sent: Sent) -> None:
    refused = sent.said["play"]["refused"]
    assert refused.keys() == {"422 size: enum", "422 quantity: minimum", "422 action: enum", "422 event_type: enum"}
    assert sent.said["load 2"]["refused"] == sent.said["load 3"]["refused"] == {}


def test_a_rate_is_kept(sent: Sent) -> None:
    play = sent.said["play"]
    number = sum(group["acknowledged"] for group in play["acknowledged"]) + sum(play["refused"].values())
    assert 250 <= number <= 410


def test_a_topic_is_shown_from_its_start(sent: Sent) -> None:
    done = lakehouse("tail", "events", "--from-start", "--count", "50")
    lines = done.stdout.splitlines()
    assert (done.returncode, len(lines)) == (0, 50), done.stderr
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  events-\d+@\d+  ", line) for line in lines)


def test_a_topic_is_followed_from_its_end_and_the_terminal_obeys_nothing_of_it(stack: Real) -> None:
    with subprocess.Popen(
        [*LAKEHOUSE, "tail", "MessageHistory", "--count", "1"], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            while process.poll() is None:  # it begins at the end that it finds: until it is there, nothing is shown
                stack.produce(b"\x1b[31mno JSON\xff", topic="MessageHistory")
            shown, _ = process.communicate(timeout=10)
        finally:
            process.kill()
    assert re.fullmatch(r".*  MessageHistory-\d@\d+  test  \\x1b\[31mno JSON\\xff\n", shown)


def test_a_topic_that_is_not_there_is_said_in_one_line(stack: Real) -> None:
    done = lakehouse("tail", "no_such")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"Error: Kafka has no topic no_such; it has MessageHistory, .*events, .*probe\n", done.stderr)
