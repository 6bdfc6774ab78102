"""The last resort against a message that ends whoever stages it: it is found by halves, and staged as `unreadable`, unread.

Every try leaves markers in the entry's staging folder. They are hints: what is staged is decided in the ledger as ever, by one
attempt, and a marker too many or too few costs time at most. docs/decisions/0016-poison.md says what is concluded, and when.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from jobs.judging import duplicates
from jobs.staging import candidates, files, suspects
from jobs.staging.candidates import Messages
from jobs.staging.open_quarantine import unreadable_places
from jobs.staging.suspects import BEGAN, DIED, EXPLAINED, GOOD, Found, Marker, Part
from lakehouse import names
from lakehouse.clients.hdfs import Hdfs, HdfsError
from lakehouse.clients.kafka import admin
from lakehouse.ledger.entries import Entry, Snapshot
from lakehouse.ledger.vocabulary import MESSAGE_KEY

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.judging.duplicates import Bounds
    from jobs.runtime.job import Job

KNOWN_GOOD = 100  # messages that are staged beside a suspect: of as many types as come often
PATIENCE = 60.0  # seconds in which it is tried to say that an outage was to blame: HDFS, where it is said, may be down
KILLED = 2  # attempts at an entry that may be abandoned which died at it; then it is
_ANY = Part(0, 1)  # of an entry that is tried as a whole only


class Batch:
    """The messages of one ingest, to be staged whole or in parts."""

    def __init__(
        self, job: Job, entry: Entry, snapshot: Snapshot, raw: DataFrame, bounds: Bounds | None, rows: int
    ) -> None:
        self._job, self._entry, self._raw, self._bounds, self._rows = job, entry, raw, bounds, rows
        self._last = snapshot.newest_done_ingest
        self._batch = raw.where(f"batch_id = {entry.entry_id}")
        self._has_marks = False
        self.whole = Part(0, entry.messages)

    def write(self, folder: str, parts: Sequence[Part], near: Sequence[Part], unreadable: Sequence[Part] = ()) -> None:
        """Judges these parts into the folder, beside what is there; messages of `unreadable` are not read.

        Of the batch nothing but the parts `near` is read beside them, where repeats are looked for.
        """
        is_whole = tuple(parts) == (self.whole,)
        batch = self._batch if is_whole else self._batch.where(self._in(parts))
        raw = self._raw
        if tuple(near) != (self.whole,):
            raw = raw.where(f"batch_id < {self._entry.entry_id} or {self._in(near)}")
        repeats = duplicates.find_repeats(
            batch,
            raw,
            self._bounds,
            self._job.contracts,
            self._job.settings.max_event_bytes,
            unreadable=unreadable_places(self._job),
        )
        unread = suspects.places(self._entry.ranges, unreadable)
        self._has_marks |= self._stage(Messages(batch, repeats, unread), folder, self._rows)

    def settle(self, folder: str) -> str:
        """The name of the folder, which nothing is written into any more, for its readers."""
        return files.settle(self._job.files, folder, self._has_marks)

    def check_known_good(self, folder: str, good: Sequence[Part], some: bool = True) -> None:
        """Stages messages that were staged well before, in the same way, and asks HDFS and Kafka for an answer.

        Raises:
            Exception: one of them did not succeed, or there must be `some` and no message is known to be good.
        """
        self._check_servers()
        known = self._batch.where(self._in(good)).limit(KNOWN_GOOD)
        if self._last:
            earlier = self._raw.where(f"batch_id = {self._last.entry_id}")
            known = known.unionAll(
                earlier.join(unreadable_places(self._job), MESSAGE_KEY, "left_anti")
                .select(*known.columns)
                .limit(KNOWN_GOOD)
            )
        self._stage(Messages(known, None), folder, 1)
        if not files.count(files.read(self._job.spark, folder)) and some:
            raise LookupError("no message is known to be good, so nothing can be told from one that is not")

    def killed_spark(self) -> bool:
        """Whether Spark does not answer while HDFS and Kafka do: then it was no outage of all, and it may have died of a part."""
        from kafka.errors import KafkaError

        try:
            self._job.spark.sql("select 1").collect()
            return False
        except Exception as error:  # of Connect, of classic Spark
            self._job.say(f"Spark does not answer: {_brief(error)}")
        try:
            self._check_servers()
            return True
        except (HdfsError, KafkaError, OSError):
            return False

    def _check_servers(self) -> None:
        """Asks HDFS and Kafka for an answer. Raises HdfsError, KafkaError or OSError."""
        Hdfs(self._job.settings).exists(self._job.settings.warehouse)
        with admin(self._job.settings) as client:
            client.list_topics()

    def _stage(self, messages: Messages, folder: str, rows: int) -> bool:
        return candidates.stage(self._job, messages, folder, rows)

    def _in(self, parts: Sequence[Part]) -> str:
        return suspects.condition(self._entry.ranges, parts)


def stage(job: Job, entry: Entry, batch: Batch) -> str:
    """Stages the batch, all of it at once if that is possible. Returns the folder."""
    folder = names.staging_folder(job.settings.warehouse_uri, entry.entry_id, job.attempt_id)
    markers = Markers(job, entry.entry_id)
    tries = 0
    while (step := _next(job, batch.whole, markers)).next is not None:
        tries += 1
        if _tried(job, batch, step, markers, folder, f"{job.attempt_id}-{tries}"):
            return batch.settle(folder)
    in_parts = f"{folder}-parts"  # another one: a write that failed may have left files
    if step.unreadable:
        batch.check_known_good(f"{folder}-last", step.good)
        job.say(
            f"batch {entry.entry_id}: {len(step.unreadable)} messages are quarantined as unreadable: each ended, alone, whoever "
            "read it, while others could be read"
        )
    for part in step.good:
        batch.write(in_parts, [part], step.good)
    if step.unreadable:
        batch.write(in_parts, step.unreadable, step.good, step.unreadable)
    return batch.settle(in_parts)


def _next(job: Job, whole: Part, markers: Markers) -> Found:
    try:
        seen = markers.read()
    except HdfsError as error:  # if it matters, staging says so
        job.say(f"whether earlier attempts died is not known ({error})")
        seen = []
    good = {each.part for each in seen if each.what == GOOD}
    return suspects.search(whole, good, suspects.deaths(seen, dt.datetime.now(dt.UTC)))


def _tried(job: Job, batch: Batch, step: Found, markers: Markers, folder: str, tried: str) -> bool:
    """Tries a part and leaves markers. Returns whether the batch is staged by that, for the part is all of it.

    Raises:
        Exception: what the part died of, if that is not its fault, or all of the batch has died too seldom to go on in halves.
    """
    part = step.next
    assert part is not None
    is_whole = part == batch.whole
    if not is_whole:
        job.say(f"offsets {part.start} to {part.until} of the batch are tried apart, since it ended who staged it")
    if len(part) == 1 and not is_whole:
        batch.check_known_good(f"{folder}-{tried}-before", step.good)
    markers.add(BEGAN, part, tried)
    try:
        batch.write(folder if is_whole else f"{folder}-{tried}", [part], [part])
    except Exception as error:
        try:
            batch.check_known_good(f"{folder}-{tried}-after", step.good, some=len(part) == 1)
        except Exception as outage:
            if batch.killed_spark():
                job.say(f"Spark is gone; it may have died of this, so it is left open why: {_brief(error)}")
            else:
                job.say(f"nor can good messages be staged now, so it is none's fault: {_brief(outage)}")
                markers.add(EXPLAINED, part, tried, patience=PATIENCE)
            raise error from None
        job.say(f"it dies of this, while good messages can be staged: {_brief(error)}")
        markers.add(DIED, part, tried, needed=not is_whole)
        if is_whole and _next(job, part, markers).next == part:
            raise
        return False
    markers.add(GOOD, part, tried, needed=not is_whole)
    return is_whole


@contextmanager
def noted(job: Job, entry: Entry) -> Iterator[None]:
    """Leaves a mark while an attempt at an entry that may be abandoned is under way: one that is killed leaves it for ever."""
    markers, tried = Markers(job, entry.entry_id), f"{job.attempt_id}-1"
    markers.add(BEGAN, _ANY, tried)
    try:
        yield
    finally:
        markers.add(EXPLAINED, _ANY, tried)


def killed(job: Job, entry: Entry) -> int:
    """How many attempts at an entry that may be abandoned died at it."""
    try:
        return suspects.deaths(Markers(job, entry.entry_id).read(), dt.datetime.now(dt.UTC))[_ANY]
    except HdfsError:
        return 0


class Markers:
    """The markers of an entry: empty folders in its staging folder, with which they go once it is closed."""

    def __init__(self, job: Job, entry_id: int) -> None:
        self._job = job
        self._hdfs = Hdfs(job.settings)
        self._folder = names.markers_folder(job.settings.warehouse, entry_id)

    def read(self) -> list[Marker]:
        """All that is known of earlier tries. Raises HdfsError."""
        found = (suspects.marker(each.name, each.changed_at) for each in self._hdfs.list(self._folder))
        return [each for each in found if each is not None]

    def add(self, what: str, part: Part, tried: str, needed: bool = False, patience: float = 0) -> None:
        """Makes a marker, for so many seconds. Without HDFS there is none, which matters to a search alone.

        Raises:
            HdfsError: it could not be made, and is `needed`.
        """
        marker = Marker(what, part, tried, dt.datetime.now(dt.UTC))
        retrying = Retrying(
            retry=retry_if_exception_type(HdfsError), stop=stop_after_delay(patience), wait=wait_fixed(1), reraise=True
        )
        try:
            retrying(self._hdfs.make_folder, f"{self._folder}/{marker.name}")
        except HdfsError as error:
            if needed:
                raise
            self._job.say(f"the marker {marker.name} could not be made: {error}")


def _brief(error: Exception) -> str:
    from expectations.results import brief

    return f"{type(error).__name__}: {brief(error)}"
