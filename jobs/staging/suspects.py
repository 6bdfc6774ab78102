"""Decides which part of a batch that crashes its stagers to try next: halves, until each message at fault is alone.

Pure functions: from markers of earlier tries, which jobs/staging/last_resort.py keeps in HDFS, to the next step.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lakehouse.ledger.offsets import OffsetRange

# How a try of a part went. A try that began and has no other marker was killed, or is still under way.
BEGAN, GOOD, DIED, EXPLAINED = "began", "good", "died", "explained"
DEATHS_OF_ALL = 2  # of a whole batch, before halves of it are tried
DEATHS_ALONE = 2  # of one message
# A try that began so long ago and has no end is dead. One message takes seconds. If a slow try of a larger part is
# taken for dead, its halves are tried without need, which does little harm.
SILENT = dt.timedelta(minutes=1)


@dataclass(frozen=True, order=True)
class Part:
    """Planned offsets of a batch by their number in the plan, [start, until): the plan never changes."""

    start: int
    until: int

    def __len__(self) -> int:
        return self.until - self.start

    def halves(self) -> tuple[Part, Part]:
        middle = self.start + len(self) // 2
        return Part(self.start, middle), Part(middle, self.until)


@dataclass(frozen=True)
class Marker:
    """What is known of one try of a part: `what` is one of the words above; `tried` names the try, and whose it was."""

    what: str
    part: Part
    tried: str
    at: dt.datetime

    @property
    def name(self) -> str:
        return f"{self.what}.{self.part.start}-{self.part.until}.{self.tried}"


def marker(name: str, at: dt.datetime) -> Marker | None:
    """The marker of that name, made at that time; None if it is none."""
    what, _, rest = name.partition(".")
    numbers, _, tried = rest.partition(".")
    start, _, until = numbers.partition("-")
    if what not in (BEGAN, GOOD, DIED, EXPLAINED) or not (start.isdecimal() and until.isdecimal() and tried):
        return None
    return Marker(what, Part(int(start), int(until)), tried, at)


def deaths(markers: Iterable[Marker], now: dt.datetime) -> Counter[Part]:
    """How often each part ended who tried it: as they said, or they began and are silent since."""
    kept = list(markers)
    said = {each.tried for each in kept if each.what != BEGAN}
    died = (each for each in kept if each.what == DIED)
    silent = (each for each in kept if each.what == BEGAN and each.tried not in said and now - each.at > SILENT)
    return Counter(each.part for each in (*died, *silent))


@dataclass(frozen=True)
class Found:
    """What is to be tried next, parts that were staged well so far, and messages that nobody can read, alone each.

    If nothing is to be tried, no message is missing in the two.
    """

    next: Part | None
    good: tuple[Part, ...] = ()
    unreadable: tuple[Part, ...] = ()


def search(whole: Part, good: Collection[Part], died: Mapping[Part, int]) -> Found:
    """The next step for a batch, from the parts that were staged well, and how often each other part died.

    The whole is tried before its halves. A single message is tried once more than a part: one death may have any cause.
    """
    if died.get(whole, 0) < (DEATHS_OF_ALL if len(whole) > 1 else DEATHS_OF_ALL + 1):
        return Found(whole)
    fine: list[Part] = []
    alone: list[Part] = []
    waiting = [whole]
    while waiting:
        part = waiting.pop()
        if part in good:
            fine.append(part)
        elif len(part) == 1:
            if died.get(part, 0) < DEATHS_ALONE:
                return Found(part, tuple(fine), tuple(alone))
            alone.append(part)
        elif died.get(part, 0):
            waiting += reversed(part.halves())
        else:
            return Found(part, tuple(fine), tuple(alone))
    return Found(None, tuple(fine), tuple(alone))


def condition(ranges: Sequence[OffsetRange], parts: Iterable[Part]) -> str:
    """SQL: whether a message (its topic_id, partition, offset) is in one of the parts of a plan with these ranges."""
    terms = [
        f"(topic_id = '{each.at.topic_id}' and `partition` = {each.at.partition} "
        f"and `offset` >= {each.start} and `offset` < {each.until})"
        for each in _offsets(ranges, parts)
    ]
    return f"({' or '.join(terms)})" if terms else "false"


def places(ranges: Sequence[OffsetRange], parts: Iterable[Part]) -> frozenset[tuple[str, int, int]]:
    """Topic id, partition and offset of each message in these parts of a plan with these ranges."""
    return frozenset(
        (each.at.topic_id, each.at.partition, offset)
        for each in _offsets(ranges, parts)
        for offset in range(each.start, each.until)
    )


def _offsets(ranges: Sequence[OffsetRange], parts: Iterable[Part]) -> Iterator[OffsetRange]:
    """The offsets of these parts of a plan with these ranges."""
    for part in parts:
        begin = 0
        for each in ranges:
            low, high = max(part.start, begin), min(part.until, begin + len(each))
            if low < high:
                yield OffsetRange(each.at, low + each.start - begin, high + each.start - begin)
            begin += len(each)
