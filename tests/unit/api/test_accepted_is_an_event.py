"""No job refuses what the API accepts: its message is an event by the evaluator that the jobs call."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from api.events import EventMaker, Rejected
from api.sender import Sender
from lakehouse.contract.decode import MAX_NAME_UNITS
from lakehouse.contract.judge import Judge
from tests.agreement.accepted import CLOCKS_DIFFER, outcomes
from tests.agreement.everything import contracts_with_everything
from tests.agreement.messages import Messages, uuid7
from tests.unit.api.conftest import CONTRACTS, NOW

MAX_BYTES = 200_000
GOOD: dict[str, Any] = {"event_type": "guild_action", "action": "join"}
SENDER = Sender("Player 1", "host", None, None, {})


def message(item: dict[str, Any], sender: Sender = SENDER) -> bytes:
    new_id = lambda: uuid7(NOW, Messages(1, MAX_BYTES).dice)  # noqa: E731
    return EventMaker(CONTRACTS, MAX_BYTES, now=lambda: NOW, new_id=new_id).for_request(sender)(item).value


def judged(value: bytes, late: timedelta = timedelta(0)) -> list[str]:
    appended_at = int((NOW + late).timestamp() * 1_000_000)
    return [reason.code for reason in Judge(CONTRACTS, MAX_BYTES).message(value, appended_at).reasons]


def test_of_many_random_items_what_is_accepted_is_an_event(tmp_path_factory: pytest.TempPathFactory) -> None:
    contracts = contracts_with_everything(tmp_path_factory.mktemp("contracts"))
    found = list(outcomes(Messages(8, MAX_BYTES), 4_000, contracts))
    accepted = [each for each in found if each.rejected is None]
    assert [(each.item, each.reasons) for each in accepted if each.reasons] == []
    rejected = Counter(each.rejected for each in found)
    assert len(accepted) > 800 and len(rejected) > 60
    assert sum(each.is_fast for each in accepted) > 300


@pytest.mark.parametrize("name", ["n" * MAX_NAME_UNITS, "\U0001f5e1" * (MAX_NAME_UNITS // 2)])
@pytest.mark.parametrize("where", [lambda name: {name: 1}, lambda name: {"x": [{"y": {name: None}}]}])
def test_a_name_longer_than_readers_of_json_take_is_rejected(name: str, where: Any) -> None:
    assert judged(message(GOOD | where(name))) == []
    with pytest.raises(Rejected) as rejected:
        message(GOOD | where(name + "n"))
    assert (rejected.value.field, rejected.value.rule) == ("", "json")
    assert str(MAX_NAME_UNITS) in rejected.value.detail
    told = json.dumps(GOOD | where(name + "n"), ensure_ascii=False).encode()
    assert judged(told) == ["not_json"]


def test_a_noncharacter_is_text_in_headers_and_in_fields() -> None:
    sender = Sender("a\ufdd0", "\ufdd0", "\ufffe", "\uffff", {"X-A": "\ufdd0"})
    assert judged(message(GOOD | {"guild": "\ufdd0", "\ufdd0": "\ufdd0"}, sender)) == []


@pytest.mark.parametrize("late", [-CLOCKS_DIFFER, timedelta(0), CLOCKS_DIFFER])
@pytest.mark.parametrize("limit", [-timedelta(days=7) + CLOCKS_DIFFER, timedelta(hours=1) - CLOCKS_DIFFER])
def test_an_event_id_that_is_accepted_is_in_time_by_the_brokers_clock_too(limit: timedelta, late: timedelta) -> None:
    dice = Messages(1, MAX_BYTES).dice
    now = NOW.replace(microsecond=0)
    item = GOOD | {"event_id": uuid7(now + limit, dice)}
    maker = EventMaker(CONTRACTS, MAX_BYTES, now=lambda: now)
    value = maker.for_request(SENDER)(item).value
    at = int((now + late).timestamp() * 1_000_000)
    assert Judge(CONTRACTS, MAX_BYTES).message(value, at).reasons == ()
    beyond = timedelta(milliseconds=1 if limit > timedelta(0) else -1)
    with pytest.raises(Rejected):
        maker.for_request(SENDER)(GOOD | {"event_id": uuid7(now + limit + beyond, dice)})
