"""Erased players: a list of keyed hashes, so that no replay and no rebuild brings a player back."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse import names
from lakehouse.erasure_list import Erased, erased, keep
from lakehouse.ledger.vocabulary import Destination

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame

    from jobs.runtime.job import Job
    from lakehouse.settings import Settings

_BLOCK = 64  # bytes, of SHA-256 (RFC 2104)


class ErasureKeyError(ValueError):
    """The key of the hashes cannot be read. Without it erased players cannot be recognised."""


@dataclass(frozen=True)
class Erasure:
    """A player whose messages in batches up to `through` are gone for good."""

    player_hash: str
    through: int


def read_key(file: Path) -> bytes:
    """The key of the hashes.

    Raises:
        ErasureKeyError: there is no key, or it is shorter than 16 bytes.
    """
    try:
        key = file.read_text().strip().encode()
    except OSError as error:
        raise ErasureKeyError(
            f"the erasure key cannot be read ({error}); `make up` makes it, on a cluster put 64 random hex digits into "
            "the file that LAKEHOUSE_ERASURE_KEY_FILE names, and keep it as long as the tables"
        ) from None
    if len(key) < 16:
        raise ErasureKeyError(f"{file}: the erasure key has {len(key)} bytes; it must have 16 or more")
    return key


def hash_of(player: str, key: bytes) -> str:
    """HMAC-SHA256 of the player, as hex digits."""
    return hmac.new(key, player.encode(), hashlib.sha256).hexdigest()


def hash_sql(expression: str, key: bytes) -> str:
    """SQL: `hash_of` of a text or binary expression; null for null."""
    block = (key if len(key) <= _BLOCK else hashlib.sha256(key).digest()).ljust(_BLOCK, b"\0")
    inner, outer = bytes(b ^ 0x36 for b in block).hex(), bytes(b ^ 0x5C for b in block).hex()
    return f"sha2(concat(X'{outer}', unhex(sha2(concat(X'{inner}', cast({expression} as binary)), 256))), 256)"


def read_erasures(job: Job) -> tuple[Erasure, ...]:
    """The suppression list."""
    rows = job.store.read(names.ERASURES).select("player_hash", "through").collect()
    return tuple(Erasure(row["player_hash"], row["through"]) for row in rows)


def listed_erasures(job: Job) -> list[Erased]:
    """The rows of ops.erasures as lines of the list that is kept outside of the tables."""
    rows = job.store.read(names.ERASURES).select("player_hash", "erased_at", "who", "why").collect()
    return [erased(row["player_hash"], row["erased_at"], row["who"], row["why"]) for row in rows]


def list_erasures(job: Job) -> None:
    """Brings the list up to date with ops.erasures. Raises ErasureListError."""
    keep(job.settings.erasure_list_file, listed_erasures(job))


def suppress(judged: DataFrame, erased_players: Sequence[Erasure], settings: Settings) -> DataFrame:
    """Marks judged messages of erased players as suppressed.

    `judged` has `key`, player, batch_id and destination; drops key.
    """
    from pyspark.sql import functions as F

    if not erased_players:
        return judged.drop("key")
    is_theirs = belongs_to(erased_players, "player", read_key(settings.erasure_key_file))
    sent = f"if({is_theirs}, '{Destination.SUPPRESSED}', destination)"
    return judged.withColumns({"destination": F.expr(sent)}).drop("key")


def belongs_to(erased: Sequence[Erasure], player: str, key: bytes) -> str:
    """SQL: whether a message (columns key and batch_id; `player` is an expression) belongs to an erased player."""
    cases = [
        f"(batch_id <= {each.through} and '{each.player_hash}' in ({hash_sql(player, key)}, {hash_sql('`key`', key)}))"
        for each in erased
    ]
    return f"coalesce({' or '.join(cases)}, false)"
