"""Takes erased players out of what jobs leave behind: staging folders of closed entries, and samples of quality pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from expectations import pages
from jobs.erasures import hash_of, read_erasures, read_key
from jobs.housekeeping import clean_staging

if TYPE_CHECKING:
    from jobs.job import Job

_BATCH_PAGE = re.compile(r"ingest-(\d+)")
_CUT = "…"  # ends a value that a page shows in part


def forget(run: Job) -> None:
    """Deletes staging folders of closed entries, and the sample rows of erased players; harmless if repeated."""
    erased = read_erasures(run)
    if not erased:
        return
    key = read_key(run.settings.erasure_key_file)
    through = {each.player_hash: each.through for each in erased}

    def is_theirs(audit: str, row: Mapping[str, Any]) -> bool:
        player = row.get("player")
        if player is None:
            return False
        if str(player).endswith(_CUT):
            return True  # too long to tell whose it is
        batch = _BATCH_PAGE.fullmatch(audit)
        last = through.get(hash_of(str(player), key))
        return last is not None and (batch is None or int(batch[1]) <= last)

    changed = pages.drop_samples(run.settings.quality, is_theirs)
    run.say(f"erased players are taken out of {changed} quality pages")
    clean_staging(run)
