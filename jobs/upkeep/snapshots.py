"""The snapshots that a killed backup leaves of the warehouse: each keeps all files that there were, deleted ones too."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lakehouse import names
from lakehouse.clients.hdfs import Hdfs, Status

if TYPE_CHECKING:
    from jobs.runtime.job import Job
    from lakehouse.settings import Settings

LONGEST_BACKUP = dt.timedelta(days=2)  # a backup that still goes on after this time loses its snapshot, and fails


def snapshots(settings: Settings) -> tuple[Status, ...]:
    """All snapshots of the warehouse, whoever made them. A local folder, as tests have it, has none."""
    if urlsplit(settings.hdfs_uri).scheme == "file":
        return ()
    return Hdfs(settings).snapshots(settings.warehouse)


def delete_left(job: Job) -> None:
    """Deletes the snapshots of backups that are too old to be still needed; those of others stay."""
    before = dt.datetime.now(dt.UTC) - LONGEST_BACKUP
    for each in snapshots(job.settings):
        if each.name.startswith(names.BACKUP_SNAPSHOT) and each.changed_at < before:
            Hdfs(job.settings).delete_snapshot(job.settings.warehouse, each.name)
            job.say(
                f"deleted the snapshot {each.name} of {each.changed_at:%Y-%m-%d %H:%M} UTC, which a backup left that did "
                "not end: it kept every file that was deleted since"
            )
