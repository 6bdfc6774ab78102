"""`lakehouse send`: what it hands on, and what it says at its end."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from click.testing import CliRunner, Result

from operations.cli import main
from stack.loads import sending
from stack.loads.documents import PLAYERS, SHOPS, Load
from stack.loads.play import Becomes, Session
from stack.loads.sending import Tally


class Sending:
    """Keeps how it is made and run; `tally` is what comes of it."""

    made: tuple[Any, ...] = ()
    steps: Any = None
    seconds: float | None = None
    tally = Tally()

    def __init__(self, *given: Any) -> None:
        type(self).made = given

    def run(self, steps: Any, seconds: float | None, told: Any) -> Tally:
        type(self).steps, type(self).seconds = steps, seconds
        told(self.tally)
        return self.tally


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[Sending]:
    Sending.tally = Tally(seconds=2.0)
    monkeypatch.setattr(sending, "Sending", Sending)
    return Sending


def send(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["send", *arguments])


def test_a_load_is_sent_as_fast_as_it_goes_unless_a_rate_is_given(fake: type[Sending]) -> None:
    assert send("--load", "1").exit_code == 0
    assert fake.made[0] == "http://127.0.0.1:5000" and fake.made[1]["sword_purchases"] == "purchase_sword"
    assert (fake.made[2], fake.steps, fake.seconds) == (None, PLAYERS, None)
    assert send("--load", "4", "--rate", "7.5", "--for", "5m").exit_code == 0
    assert (fake.made[2], fake.steps, fake.seconds) == (7.5, SHOPS, 300)
    assert send("--load", "3", "--seed", "1").exit_code == 0
    first = next(fake.steps)
    assert isinstance(first, Load) and first.host == "user1.comcast.com"


def test_play_has_a_rate_a_seed_and_shares(fake: type[Sending]) -> None:
    assert send("--play", "--seed", "1", "--players", "1", "--bad", "0", "--repeated", "1").exit_code == 0
    session = next(fake.steps)
    assert isinstance(session, Session) and session.player == "player-00001" and fake.made[2] == 20
    assert [each.becomes for each in session.events[:2]] == [Becomes.ROW, Becomes.REPETITION]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "say what to send: --load 1, 2, 3 or 4, or --play"),
        (["--load", "2", "--play"], "say what to send: --load 1, 2, 3 or 4, or --play"),
        (["--load", "2", "--bad", "0.02"], "--bad is of --play alone: a load is what it is"),
        (["--load", "5"], "Invalid value for '--load': 5 is not in the range 1<=x<=4."),
        (["--play", "--for", "soon"], "Invalid value for '--for': 'soon' is no length of time; write 30s, 5m or 2h"),
        (["--play", "--rate", "0"], "Invalid value for '--rate': 0.0 is not in the range 0<x<=100000."),
        (["--play", "--bad", "2"], "Invalid value for '--bad': 2.0 is not in the range 0<=x<=1."),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(fake: type[Sending], arguments: list[str], words: str) -> None:
    result = send(*arguments)
    assert (result.exit_code, result.output.splitlines()[-1]) == (2, f"Error: {words}")


def test_the_end_says_what_was_acknowledged_by_type_and_host(fake: type[Sending]) -> None:
    fake.tally.acknowledged = Counter({("default", "ada", Becomes.ROW): 1_200, ("message", "bob", Becomes.ROW): 3})
    result = send("--load", "2")
    assert (result.exit_code, result.output.splitlines()) == (
        0,
        [
            "event_type\thost\tacknowledged",
            "default\tada\t1200",
            "message\tbob\t3",
            "1,203 events acknowledged in 2.0 s (602/s)",
        ],
    )


def test_it_says_what_of_it_becomes_no_row(fake: type[Sending]) -> None:
    fake.tally.acknowledged = Counter(
        {
            ("default", "a", Becomes.ROW): 5,
            ("default", "a", Becomes.REPETITION): 2,
            ("default", "a", Becomes.QUARANTINED): 1,
        }
    )
    fake.tally.refused["400 size: enum"] = 4
    result = send("--play")
    assert (result.exit_code, result.output.splitlines()) == (
        0,
        [
            "event_type\thost\tacknowledged\trows\trepeated\tto_quarantine",
            "default\ta\t8\t5\t2\t1",
            "8 events acknowledged in 2.0 s (4/s); 2 repeat others, 1 go to quarantine",
            "4 refused, nothing of them is kept: 400 size: enum",
        ],
    )
    assert json.loads(send("--play", "--json").output) == {
        "acknowledged": [
            {"event_type": "default", "host": "a", "acknowledged": 8, "rows": 5, "repeated": 2, "to_quarantine": 1}
        ],
        "refused": {"400 size: enum": 4},
        "uncertain": {},
        "seconds": 2.0,
        "stopped": False,
        "failure": "",
    }


def test_what_went_wrong_is_said_and_is_an_error(fake: type[Sending]) -> None:
    fake.tally.uncertain["503 Not acknowledged"] = 1_000
    fake.tally.stopped = True
    result = send("--load", "1")
    assert (result.exit_code, result.output.splitlines()) == (
        1,
        [
            "0 events acknowledged in 2.0 s (0/s)",
            "1,000 uncertain, they may or may not arrive: 503 Not acknowledged",
            "Stopped. All that is counted above stays sent.",
        ],
    )
    fake.tally = Tally(seconds=1.0, failure="nobody has answered\x1b[31m")
    result = send("--load", "1")
    assert result.exit_code == 1 and result.output.splitlines()[-1] == (
        "Error: nobody has answered\\x1b[31m; see `lakehouse status`"
    )
    fake.tally = Tally(seconds=1.0, unexpected=1, refused=Counter({"400 \x1b": 1}))
    result = send("--load", "1")
    assert result.exit_code == 1 and "1 refused, nothing of them is kept: 400 \\x1b" in result.output
