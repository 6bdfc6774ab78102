"""What waits in Kafka, unread, as the overview says it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from lakehouse.clients import expiry
from lakehouse.ledger.offsets import OffsetsError
from lakehouse.settings import Settings
from lakehouse.texts import words_of

ANSWER_SECONDS = 3.0  # that a page waits for Kafka
SILENT = "Kafka does not answer, so it is not known what waits to be read; see `make status`."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Waiting:
    """How many messages no ingest has read, None if that is not known, and what to say about them."""

    messages: int | None = None
    sentences: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether it is known that all is read."""
        return self.messages == 0


def ask_kafka(settings: Settings, topics: Sequence[str]) -> Waiting:
    """Asks Kafka now. One that does not answer is said, and no error: the tables can be looked at without it."""
    from kafka.errors import KafkaError

    try:
        unread = expiry.look(settings, topics).unread
    except OffsetsError as error:
        return Waiting(None, (str(error),))
    except (KafkaError, OSError) as error:
        log.warning("Kafka does not say what waits: %s", words_of(error))
        return Waiting(None, (SILENT,))
    return Waiting(
        sum(each.end - each.start for each in unread), tuple(expiry.warnings(unread, settings.expiry_warning_hours))
    )


class Patient:
    """Asks in a thread of its own, one question at a time, and goes on without an answer that takes too long."""

    def __init__(self, ask: Callable[[], Waiting], seconds: float = ANSWER_SECONDS) -> None:
        self._ask = ask
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(1, "waiting")
        self._asked: Future[Waiting] | None = None

    def __call__(self) -> Waiting:
        if self._asked is None or self._asked.done():
            self._asked = self._threads.submit(self._ask)
        answered, _ = wait([self._asked], self._seconds)
        return self._asked.result() if answered else Waiting(None, (SILENT,))
