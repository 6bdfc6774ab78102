"""The task `look`: asks Kafka, without Spark, whether there are unread messages and whether any expire soon."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TypeVar

from lakehouse.clients import expiry
from lakehouse.ledger.offsets import OffsetsError
from lakehouse.settings import Settings
from lakehouse.texts import words_of

log = logging.getLogger(__name__)

Place = TypeVar("Place")


def anything_new(settings: Settings, topics: Sequence[str]) -> bool:
    """Whether a partition's end is not where the last done ingest left the consumer group.

    The group is a hint, so this errs towards yes. It is also yes if Kafka does not answer: the drain then says why.
    Warns of unread messages that expire soon.
    """
    from kafka.errors import KafkaError

    try:
        found = expiry.look(settings, topics)
    except OffsetsError:
        return True
    except (KafkaError, OSError) as error:
        log.warning("Kafka cannot tell whether anything is new (%s); the drain will look", words_of(error))
        return True
    for sentence in expiry.warnings(found.unread, settings.expiry_warning_hours):
        log.warning("%s", sentence)
    logs = found.logs
    return differs({each.at: each.earliest for each in logs}, {each.at: each.end for each in logs}, found.done)


def differs(starts: Mapping[Place, int], ends: Mapping[Place, int], done: Mapping[Place, int]) -> bool:
    """Whether any partition's end differs from where ingest is.

    A partition that ingest never saw counts, unless it never held a message. An end below the group's offset counts
    too: the topic was made again, which the drain must report.
    """
    return any(
        end != done[place] if place in done else end > 0 or starts.get(place, 0) > 0 for place, end in ends.items()
    )
