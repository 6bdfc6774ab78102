"""Arrow batches of raw's rows become judged rows in the columns of the jobs' SQL, in any mix of good and bad."""

from __future__ import annotations

import datetime as dt
import json
import pickle
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs.judging import version
from jobs.judging.batches import BatchJudge, columns_of, judge_batches
from lakehouse.contract import event_id as event_ids
from lakehouse.contract.load import load_contracts
from lakehouse.contract.model import Contracts
from lakehouse.contract.typed import FastDecoder
from tests.agreement.everything import EVERY_FAST_KEYWORD, EVERY_KEYWORD, contracts_with_everything
from tests.agreement.messages import APPENDED_AT, Messages, uuid7
from tests.agreement.rows import judged, raw_rows, rows_of
from tests.unit.jobs.messages import CONTRACTS

MAX_BYTES = 10_000
DICE = Messages(5, MAX_BYTES).dice


def message(**fields: Any) -> bytes:
    """As the API writes one."""
    event = {"event_id": uuid7(APPENDED_AT, DICE), "event_type": "purchase_sword", "player": "p", "host": "h", **fields}
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def batch_of(values: Sequence[bytes | None], event_ids: Sequence[str | None] | None = None) -> pa.Table:
    table = raw_rows(values)
    more = {
        "event_id": pa.array(event_ids or [None] * len(values), pa.string()),
        "event_date": pa.repeat(pa.scalar(APPENDED_AT.date()), len(values)),
        "batch_id": pa.repeat(pa.scalar(1, pa.int64()), len(values)),
    }
    for name, column in more.items():
        table = table.append_column(name, column)
    return table


def judge(*values: bytes | None, **options: Any) -> list[Mapping[str, Any]]:
    return rows_of(judged(batch_of(values), BatchJudge(CONTRACTS, MAX_BYTES, **options)))


class Undecided(FastDecoder):
    """Leaves every event to the exact way."""

    def event(self, value: bytes | None, appended_at: int | None) -> None:
        return None


class Exact(BatchJudge):
    """Without the fast way."""

    def __init__(self, contracts: Contracts, max_event_bytes: int) -> None:
        super().__init__(contracts, max_event_bytes)
        self._fast = Undecided(contracts, max_event_bytes)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_fast_way_gives_what_the_exact_way_gives(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    contracts = contracts_with_everything(tmp_path_factory.mktemp("contracts"))
    messages = Messages(seed, MAX_BYTES)
    batch = batch_of(messages.examples() + messages.take(5_000))
    fast_judge = BatchJudge(contracts, MAX_BYTES)
    fast, exact = judged(batch, fast_judge), judged(batch, Exact(contracts, MAX_BYTES))
    assert fast.schema == exact.schema
    differing = [
        (one["value"], name, one[name], other[name])
        for one, other in zip(rows_of(fast), rows_of(exact), strict=True)
        for name in one
        if repr(one[name]) != repr(other[name])
    ]
    assert differing == []
    at = int(APPENDED_AT.timestamp() * 1_000_000)
    taken = {type(event) for value in batch["value"].to_pylist() if (event := fast_judge._fast.event(value, at))}
    assert len(taken) == len(CONTRACTS) + 1  # all but the one of every keyword, which has the exact way alone


def test_contracts_of_which_no_decoder_can_say_one_are_judged_the_exact_way(tmp_path: Path) -> None:
    (tmp_path / "everything.yaml").write_text(EVERY_KEYWORD)
    contracts = load_contracts(tmp_path)
    values = [message(event_type="everything"), b"null"]
    rows = rows_of(judged(batch_of(values), BatchJudge(contracts, MAX_BYTES)))
    assert [row["reason_code"] for row in rows] == [None, "not_object"]


def test_a_field_may_be_called_like_a_word_of_python(tmp_path: Path) -> None:
    text = EVERY_FAST_KEYWORD.replace("kind:", "class:").replace("[kind, flag]", "[class]").replace("words:", "from:")
    (tmp_path / "anything.yaml").write_text(text)
    judge = BatchJudge(load_contracts(tmp_path), MAX_BYTES)
    (row,) = rows_of(judged(batch_of([message(event_type="anything", **{"class": "plain", "from": "ab"})]), judge))
    assert (row["reason_code"], row["anything__class"], row["anything__from"]) == (None, "plain", "ab")


def test_columns_are_those_that_the_jobs_judge_into() -> None:
    names = judged(batch_of([message()]), BatchJudge(CONTRACTS, MAX_BYTES, keep=["key"])).column_names
    assert names == list(columns_of(CONTRACTS, {"key": "binary"}))
    assert names[:8] == [
        "topic", "topic_id", "partition", "offset", "kafka_timestamp", "event_date", "batch_id", "key",
    ]  # fmt: skip
    assert names[-6:] == ["unknown_fields", "contract_version", "reason_code", "field", "rule", "destination"]
    assert "purchase_sword__quantity" in names and len(set(names)) == len(names)


def test_good_and_bad_rows_of_a_batch_stay_with_their_messages() -> None:
    values = [
        message(quantity=2),
        b"junk",
        None,
        message(quantity=-1),
        message(event_type="default"),
        message(quantity=3),
    ]
    rows = judge(*values)
    assert [row["value"] for row in rows] == values
    assert [row["reason_code"] for row in rows] == [
        None, "not_json", "no_value", "schema:quantity:minimum", None, None,
    ]  # fmt: skip
    assert [row["purchase_sword__quantity"] for row in rows] == [2, None, None, -1, None, 3]
    assert [row["offset"] for row in rows] == list(range(6))


@pytest.mark.parametrize("take", [BatchJudge, Exact])
def test_every_kind_of_value_comes_into_its_column(take: type[BatchJudge]) -> None:
    items = [{"item_type": "sword", "item": "🗡", "quantity": 2}, {"item_type": "a", "item": "b", "quantity": 1}]
    cart = message(
        event_type="cart_action",
        action="add",
        items=items,
        occurred_at="2024-02-28T23:59:59.123456Z",
        http_headers={"X-A": "1", "X-B": ""},
    )
    values = [cart, message(event_type="cart_action", action="add", items=[]), message(event_type="default")]
    values += [message(event_type="purchase_horse", speed=speed, size="small", quantity=1) for speed in (-0.0, 1, 2.5)]
    table = judged(batch_of(values), take(CONTRACTS, MAX_BYTES))
    rows = sorted(table.to_pylist(), key=lambda row: row["offset"])
    assert [row["cart_action__items"] for row in rows[:3]] == [items, [], None]
    assert rows[0]["occurred_at"] == dt.datetime(2024, 2, 28, 23, 59, 59, 123456, dt.UTC)
    assert rows[1]["received_at"] == APPENDED_AT
    assert [row["http_headers"] for row in rows[:2]] == [[("X-A", "1"), ("X-B", "")], None]
    assert [repr(row["purchase_horse__speed"]) for row in rows[3:]] == ["0.0", "1.0", "2.5"]
    assert [row["unknown_fields"] for row in rows] == [[]] * 6
    assert {row["contract_version"] for row in rows} == {CONTRACTS["cart_action"].version, 1}


def test_defaults_are_filled_in_and_the_host_stands_for_the_player() -> None:
    for more in ({}, {"newer": 1}):  # fast, exact
        (row,) = judge(message(player=None, **more).replace(b'"player":null,', b""))
        assert (row["purchase_sword__quantity"], row["purchase_sword__direction"]) == (1, "increase")
        assert (row["player"], row["unknown_fields"]) == ("h", list(more))


def test_a_message_without_an_id_gets_one_of_its_coordinates() -> None:
    first, second = judge(b'{"event_type":"default"}', b'{"event_type":"default","event_id":null}')
    assert first["event_id"] == event_ids.derived("id", 0, 0) != second["event_id"] == event_ids.derived("id", 0, 1)


def test_a_message_that_nobody_reads_keeps_the_id_that_raw_found() -> None:
    named = uuid7(APPENDED_AT, DICE)
    values = [b"junk", b"x" * (MAX_BYTES + 1), b"[]", b'{"event_type":"default","event_id":""}']
    rows = rows_of(judged(batch_of(values, [named] * 4), BatchJudge(CONTRACTS, MAX_BYTES)))
    assert [row["event_id"] for row in rows] == [named, named, event_ids.derived("id", 0, 2), ""]


def test_an_unreadable_message_is_not_read() -> None:
    rows = judge(message(), message(), unreadable=[("id", 0, 1), ("id", 1, 0)])
    assert [row["reason_code"] for row in rows] == [None, "unreadable"]
    assert (rows[1]["destination"], rows[1]["player"]) == ("quarantine", None)


def test_what_judges_can_be_sent_to_a_worker() -> None:
    sent = pickle.dumps(
        partial(judge_batches, code=version.code_hash(), contracts=CONTRACTS, max_event_bytes=MAX_BYTES, keep=("key",))
    )
    table = batch_of([message(), b"junk"])
    found = pa.Table.from_batches(pickle.loads(sent)(table.to_batches()))
    assert found.equals(judged(table, BatchJudge(CONTRACTS, MAX_BYTES, keep=("key",))))


@pytest.mark.parametrize("rows", [0, 1])
def test_a_batch_of_none_or_one_is_judged(rows: int) -> None:
    table = batch_of([message()] * rows)
    found = [batch.num_rows for batch in BatchJudge(CONTRACTS, MAX_BYTES)(table.to_batches(max_chunksize=1))]
    assert found == [1] * rows
