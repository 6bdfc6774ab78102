"""The list of erasures: a file outside of tables and backups, from which a restore knows who was erased since."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path


class ErasureListError(ValueError):
    """The list cannot be read or written. Without it a restore would bring erased players back."""


@dataclass(frozen=True, order=True)
class Erased:
    """One erasure: when (UTC, ISO 8601), the player's keyed hash, who asked for it and why. It names nobody."""

    erased_at: str
    player_hash: str
    who: str
    why: str


def erased(player_hash: str, erased_at: datetime, who: str, why: str) -> Erased:
    """A row of ops.erasures as a line of the list. A time without zone is in the zone of this process, as Spark gives it."""
    return Erased(erased_at.astimezone(UTC).isoformat(timespec="microseconds"), player_hash, who, why)


def read(file: Path) -> list[Erased]:
    """All erasures of the list, in its order. A last line that was cut off by a kill does not count.

    Raises:
        ErasureListError: there is no such file, or a line is none of its lines.
    """
    try:
        return _lines(file.read_bytes(), file)
    except OSError as error:
        raise ErasureListError(f"the list of erasures cannot be read: {error}") from None


def keep(file: Path, all_of_them: Iterable[Erased]) -> int:
    """Appends those that the list lacks, and makes the list if there is none. Returns how many it appended.

    Raises:
        ErasureListError: it cannot be read or written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "rb+") as out:
            fcntl.flock(out, fcntl.LOCK_EX)
            text = out.read()
            new = sorted(set(all_of_them) - set(_lines(text, file)))
            out.seek(text.rfind(b"\n") + 1)
            out.truncate()  # of a line that was cut off
            out.writelines(json.dumps(asdict(each)).encode() + b"\n" for each in new)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise ErasureListError(
            f"the list of erasures cannot be written ({error}); nobody is erased without a line in it: make room, or set "
            "LAKEHOUSE_ERASURE_LIST_FILE to a file that can be written, and clear the task"
        ) from None
    return len(new)


def later(listed: Iterable[Erased], in_tables: Iterable[Erased]) -> list[Erased]:
    """Those of the list that tables do not know, oldest first: their player was not erased at that time or later."""
    newest: dict[str, str] = {}
    for each in sorted(in_tables):
        newest[each.player_hash] = each.erased_at
    return sorted({each for each in listed if newest.get(each.player_hash, "") < each.erased_at})


def _lines(text: bytes, file: Path) -> list[Erased]:
    found = []
    for number, line in enumerate(text.split(b"\n")[:-1], 1):
        try:
            each = Erased(**json.loads(line.decode()))
            if not all(isinstance(value, str) for value in asdict(each).values()):
                raise TypeError
            found.append(each)
        except (ValueError, TypeError):  # also of bytes that are no UTF-8
            shown = line[:60].decode(errors="replace")
            raise ErasureListError(f"{file}, line {number}, is no erasure: {shown!r}") from None
    return found
