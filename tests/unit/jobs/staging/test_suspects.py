"""The search for messages that crash the jobs that stage them: it finds all of these, and no others."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Collection

import pytest

from jobs.staging import suspects
from jobs.staging.suspects import BEGAN, DIED, EXPLAINED, GOOD, Marker, Part, deaths, marker, search
from lakehouse.ledger.offsets import OffsetRange, TopicPartition

NOW = dt.datetime(2026, 11, 22, 10, 0, tzinfo=dt.UTC)
LONG_AGO = NOW - suspects.SILENT * 2


def found(size: int, poison: Collection[int]) -> tuple[suspects.Found, list[Part]]:
    """The end of a search where a part dies that holds one of `poison`; and all that was tried."""
    good: set[Part] = set()
    died: Counter[Part] = Counter()
    tried: list[Part] = []
    while (step := search(Part(0, size), good, died)).next is not None:
        tried.append(step.next)
        if any(step.next.start <= each < step.next.until for each in poison):
            died[step.next] += 1
        elif step.next == Part(0, size):
            return suspects.Found(None, (step.next,)), tried
        else:
            good.add(step.next)
    return step, tried


def test_a_good_batch_is_staged_at_once_and_whole() -> None:
    end, tried = found(1_000, ())
    assert tried == list(end.good) == [Part(0, 1_000)]


@pytest.mark.parametrize("size", [2, 3, 7, 1_000, 1_000_000])
def test_the_one_message_is_alone_in_the_end_and_all_others_are_staged(size: int) -> None:
    chance = random.Random(size)
    for poison in {0, size - 1, chance.randrange(size)}:
        end, tried = found(size, [poison])
        assert end.unreadable == (Part(poison, poison + 1),)
        assert sorted([*end.good, *end.unreadable])[0].start == 0
        assert sum(map(len, end.good)) == size - 1
        assert tried.count(Part(0, size)) == 2
        assert tried.count(end.unreadable[0]) == 2
        assert len(tried) < 5 + 2 * size.bit_length()


def test_several_are_found_and_no_message_is_in_two_parts() -> None:
    chance = random.Random(16)
    for _ in range(50):
        size = chance.randrange(2, 200)
        poison = sorted(chance.sample(range(size), chance.randrange(1, min(size, 6) + 1)))
        end, _ = found(size, poison)
        assert [part.start for part in end.unreadable] == poison
        covered = sorted(n for part in (*end.good, *end.unreadable) for n in range(part.start, part.until))
        assert covered == list(range(size))


def test_a_batch_of_one_message_must_die_once_more() -> None:
    one = Part(0, 1)
    assert search(one, (), {one: 2}).next == one
    assert search(one, (), {one: 3}).unreadable == (one,)


def test_a_batch_that_dies_only_as_a_whole_is_staged_in_halves_and_nothing_of_it_is_unreadable() -> None:
    whole = Part(0, 100)
    end = search(whole, whole.halves(), {whole: 2})
    assert end == suspects.Found(None, whole.halves(), ())


def test_what_is_silent_for_long_is_dead_what_was_explained_is_not() -> None:
    part, other = Part(0, 8), Part(0, 4)
    markers = [
        Marker(BEGAN, part, "a-1", LONG_AGO),
        Marker(BEGAN, part, "b-1", LONG_AGO),
        Marker(EXPLAINED, part, "b-1", LONG_AGO),
        Marker(BEGAN, part, "c-1", NOW),
        Marker(BEGAN, other, "c-2", LONG_AGO),
        Marker(DIED, other, "c-2", NOW),
        Marker(BEGAN, other, "c-3", LONG_AGO),
        Marker(GOOD, other, "c-3", NOW),
    ]
    assert deaths(markers, NOW) == {part: 1, other: 1}


def test_a_marker_is_read_from_its_name() -> None:
    one = Marker(DIED, Part(3, 17), "0f3c-2", NOW)
    assert marker(one.name, NOW) == one
    for name in ("", "died", "died.3-17", "died.3-x.a", "other.3-17.a", "part-0000.parquet", "_SUCCESS"):
        assert marker(name, NOW) is None


def test_parts_are_places_in_the_plan() -> None:
    first = OffsetRange(TopicPartition("events", "A", 0), 100, 110)
    second = OffsetRange(TopicPartition("events", "A", 1), 7, 10)
    sql = suspects.condition([first, second], [Part(8, 12)])
    assert sql == (
        "((topic_id = 'A' and `partition` = 0 and `offset` >= 108 and `offset` < 110) or "
        "(topic_id = 'A' and `partition` = 1 and `offset` >= 7 and `offset` < 9))"
    )
    assert suspects.condition([first], []) == "false"
