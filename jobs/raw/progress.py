"""Mirrors how far ingest is into a Kafka consumer group, as a hint for others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tenacity import Retrying, retry_if_not_result, stop_after_delay, wait_fixed

from lakehouse.clients.kafka import admin
from lakehouse.ledger.offsets import OffsetRange

if TYPE_CHECKING:
    from jobs.runtime.job import Job
    from lakehouse.ledger.entries import Entry
    from lakehouse.settings import Settings


def mirror(settings: Settings, ranges: Sequence[OffsetRange], seconds: float = 15) -> str | None:
    """Writes the end of a published batch to a consumer group: a hint for lag monitors and the task `look`.

    A new Kafka needs some seconds until it keeps groups. Returns why the hint could not be written, else None: a
    missing hint must not fail a run.
    """
    from kafka import TopicPartition as KafkaPartition
    from kafka.errors import KafkaError, NoError
    from kafka.structs import OffsetAndMetadata

    ends = {KafkaPartition(r.at.topic, r.at.partition): OffsetAndMetadata(r.until, "", -1) for r in ranges}

    def refused() -> str | None:
        try:
            with admin(settings) as client:
                answers = client.alter_group_offsets(settings.consumer_group, ends)
            found = {error.__name__ for error in answers.values() if error is not NoError}
        except KafkaError as error:
            found = {type(error).__name__}
        return ", ".join(sorted(found)) or None

    why_not: str | None = Retrying(
        retry=retry_if_not_result(lambda answer: answer is None),
        stop=stop_after_delay(seconds),
        wait=wait_fixed(0.5),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )(refused)
    return why_not


def mirror_end(job: Job, entry: Entry) -> None:
    """Mirrors the end of the newest done ingest."""
    why_not = mirror(job.settings, entry.ranges)
    if why_not:
        job.say(
            f"Kafka did not take the hint how far ingest is ({why_not}); nothing depends on it, a later run writes it"
        )
