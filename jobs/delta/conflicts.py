"""Retries commits that conflict with other writers. Each retry is logged; the last error goes to the caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tenacity import Retrying, retry_if_exception, stop_after_attempt

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ATTEMPTS = 4


def is_conflict(error: BaseException) -> bool:
    """Whether another commit made this one fail. Spark Connect has no class for this error, so its text decides."""
    text = str(error)
    return any(name in text for name in ("DELTA_CONCURRENT", "DELTA_METADATA_CHANGED", "ConcurrentTransaction"))


def retried(action: Callable[[], object], say: Callable[[str], None], what: str, attempts: int = ATTEMPTS) -> None:
    """Runs `action`, and again after a conflict. The action must read again whatever it depends on.

    Raises:
        Exception: the error of `action`, if it is no conflict, or the last attempt conflicts too.
    """
    Retrying(
        retry=retry_if_exception(is_conflict),
        stop=stop_after_attempt(attempts),
        before_sleep=lambda state: say(
            f"{what}: another writer was faster; attempt {state.attempt_number + 1} of {attempts}"
        ),
        reraise=True,
    )(action)


def replace_newest(
    frame: DataFrame, path: str, *, app: str, version: int, replace_where: str, say: Callable[[str], None]
) -> None:
    """Replaces the rows that meet `replace_where`, unless (`app`, `version`) or a later version is there already.

    When this returns, the table holds this version or a later one. So a lost race is retried here: the winner may have
    been an older version. (In `append_once` equal versions have equal content, so it does not retry.)
    """

    def write() -> None:
        writer = frame.write.format("delta").mode("overwrite").option("replaceWhere", replace_where)
        writer.option("txnAppId", app).option("txnVersion", str(version)).save(path)

    retried(write, say, f"{app}, version {version}")
