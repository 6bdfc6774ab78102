"""Whether a day is complete: compares Kafka's offsets for times with the done ingests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from lakehouse import names
from lakehouse.clients.kafka import admin, offsets_from, read_logs
from lakehouse.clients.trino import query
from lakehouse.contract.load import load_contracts
from lakehouse.ledger.offsets import TopicPartition
from lakehouse.ledger.vocabulary import Kind, Step
from lakehouse.settings import Settings

FIRST_DAY = dt.date(1970, 1, 1)


class DayError(ValueError):
    """A day that cannot be built; the message says which can."""


def check_day(day: dt.date, today: dt.date) -> None:
    """Refuses days that are not over, or before the first that a message can have.

    Raises:
        DayError: says which days can be built.
    """
    yesterday = today - dt.timedelta(days=1)
    if day < FIRST_DAY:
        raise DayError(
            f"the day {day} is before {FIRST_DAY}, from which Kafka counts its times: no message is of it. Days from "
            f"{FIRST_DAY} to {yesterday} can be built"
        )
    if day >= today:
        raise DayError(f"the day {day} is not over (UTC); the last one that can be built is {yesterday}")


def day_of(wanted: str | None, interval_start: dt.datetime | None, run_after: dt.datetime, now: dt.datetime) -> dt.date:
    """The day that a run builds: as requested, else of its data interval, else the day before it was triggered.

    Raises:
        DayError: the day is not written YYYY-MM-DD, or `check_day` refuses it.
    """
    if wanted:
        try:
            day = dt.date.fromisoformat(wanted)
        except ValueError:
            raise DayError(
                f"day is {wanted!r}; write it YYYY-MM-DD, such as {now - dt.timedelta(days=1):%Y-%m-%d}"
            ) from None
    elif interval_start is not None:
        day = interval_start.astimezone(dt.UTC).date()
    else:
        day = run_after.astimezone(dt.UTC).date() - dt.timedelta(days=1)
    check_day(day, now.astimezone(dt.UTC).date())
    return day


def running_day(wanted: str | None, by_hand: bool, rebuild: bool, now: dt.datetime) -> dt.date:
    """The day of a provisional build: today, for a run that a person started.

    Raises:
        DayError: another day is wanted, nobody started the run by hand, or it is to rebuild from raw.
    """
    today = now.astimezone(dt.UTC).date()
    if not by_hand:
        raise DayError("a provisional build is started by hand only; others wait until their day is over")
    if rebuild:
        raise DayError(f"only days that are over can be rebuilt from raw, and {today} is not: leave one of the two out")
    if wanted and wanted != today.isoformat():
        raise DayError(f"only the running day, {today} (UTC), can be built provisionally; leave the day empty")
    return today


def missing(settings: Settings, day: dt.date) -> list[str]:
    """A sentence for each partition with messages of `day` that no done ingest has brought. Raises as `missing_of`."""
    return missing_of(settings, [day])[day]


def missing_of(settings: Settings, days: Sequence[dt.date]) -> dict[dt.date, list[str]]:
    """As `missing`, for several days by the same number of queries.

    Raises:
        kafka.errors.KafkaError: the broker does not answer. OffsetsError: a topic is missing. QueryError: Trino does
            not answer.
    """
    # Kafka first: messages that arrive between the two reads are of a later day.
    wanted = _wanted(settings, days)
    done = reached(settings)
    return {day: lacking(done, wanted[day], day) for day in days}


def lacking(done: Mapping[TopicPartition, int], wanted: Mapping[TopicPartition, int], day: dt.date) -> list[str]:
    """Compares where the done ingests are with the first offset behind the day, of each partition."""
    return [
        f"{at.topic}-{at.partition}: offsets [{done.get(at, 0)}, {until}) of {day} or before are not published"
        for at, until in sorted(wanted.items())
        if done.get(at, 0) < until
    ]


def _wanted(settings: Settings, days: Sequence[dt.date]) -> dict[dt.date, dict[TopicPartition, int]]:
    """For each day and partition the first offset whose broker time is after the day, or the end if there is none."""
    topics = load_contracts(settings.contracts).topics
    with admin(settings) as client:
        logs = read_logs(client, topics)
        return {day: offsets_from(client, logs, _midnight_after(day)) for day in days}


def _midnight_after(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), tzinfo=dt.UTC)


def reached(settings: Settings) -> dict[TopicPartition, int]:
    """Where the newest done ingest ended; entries are closed in order, so all before it are done too."""
    rows = query(
        settings,
        f"""
        select planned.topic, planned.topic_id, planned.partition, planned.until
        from {names.LEDGER.qualified} as ledger
        cross join unnest(ledger.ranges) as planned(topic, topic_id, partition, start, until)
        where ledger.step = '{Step.PLANNED}' and ledger.entry_id = (
          select max(entry_id) from {names.LEDGER.qualified} where kind = '{Kind.INGEST}' and step = '{Step.DONE}')
        """,
    )
    return {TopicPartition.of(row): row["until"] for row in rows}
