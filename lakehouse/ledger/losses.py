"""Finds what Kafka lost: compares the newest plan and the recorded losses with what Kafka holds now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lakehouse.ledger.offsets import Log, Loss, Mismatch, OffsetRange, mismatches, next_cursor, unreadable


def compare(
    newest: Sequence[OffsetRange], read: bool, logs: Sequence[Log], lost: Sequence[Loss]
) -> tuple[Mismatch, ...]:
    """The mismatches of the cursor after the newest plan, and of that plan's ranges unless they were `read` into raw.

    A partition that no plan names begins at 0, so that messages which expired before the first read are found too.
    """
    cursor = {log.at: 0 for log in logs} | next_cursor(newest)
    found = {each.loss: each for each in mismatches(cursor, logs, lost)}
    if not read:
        found |= {each.loss: each for each in unreadable(newest, logs, lost)}
    return tuple(found[loss] for loss in sorted(found, key=lambda loss: (loss.at, loss.start)))


def as_expected(found: Iterable[Mismatch]) -> str:
    """The losses on one line, as the form of accept_loss takes them and its job compares them."""
    return "; ".join(str(each.loss) for each in found)
