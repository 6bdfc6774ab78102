"""The names of databases, tables, folders and transaction ids, each spelled once."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

RAW, GAME, OPS, COMPAT = "raw", "game", "ops", "compat"
DATABASES = (RAW, GAME, OPS, COMPAT)
STAGING = "_staging"  # folder under the warehouse
BACKUP_SNAPSHOT = "backup-"  # names of a backup's snapshots of the warehouse begin so
MARKED = "-marked"  # end of the name of a staging folder that has marks (jobs/staging/files.py)
CATALOG = "lakehouse"  # Trino's name for the metastore
VIEWS_CATALOG = "views"  # the same metastore, for our own user alone, where views are made
MEMORY_CATALOG = "memory"  # tables in Trino's memory, where everybody may write


@dataclass(frozen=True)
class Table:
    """A Delta table: its metastore name and its folder under the warehouse."""

    database: str
    name: str

    @property
    def qualified(self) -> str:
        return f"{self.database}.{self.name}"

    def path(self, warehouse_uri: str) -> str:
        """Full path of the table's folder; `warehouse_uri` is hdfs://host:port/folder."""
        return f"{warehouse_uri}/{self.database}/{self.name}"


RAW_EVENTS = Table(RAW, "events")
LEDGER = Table(OPS, "ledger")
QUARANTINE = Table(OPS, "quarantine")
QUARANTINE_ACTIONS = Table(OPS, "quarantine_actions")
LOSSES = Table(OPS, "losses")
ERASURES = Table(OPS, "erasures")
AUDITS = Table(OPS, "audits")
CHECKS = Table(OPS, "checks")
DAILY_EVENT_COUNTS = Table(GAME, "daily_event_counts")
DAILY_ITEM_SALES = Table(GAME, "daily_item_sales")
PLAYER_ITEM_CHANGES = Table(GAME, "player_item_changes")
PLAYER_INVENTORY_MONTHS = Table(GAME, "player_inventory_months")
DAY_BUILDS = Table(OPS, "day_builds")


def event_table(name: str) -> Table:
    """The table of one event type, by the name its contract gives."""
    return Table(GAME, name)


def staging_folder(warehouse_uri: str, entry_id: int, attempt_id: str) -> str:
    """Where one attempt at one ledger entry stages what it would publish."""
    return f"{warehouse_uri}/{STAGING}/entry_id={entry_id}/{attempt_id}"


def batch_page(entry_id: int) -> str:
    """The address of an entry's data-quality page, below the pages' own."""
    return f"batch/{entry_id}"


def day_page(day: dt.date) -> str:
    """The same of a built day."""
    return f"day/{day}"


def checks_folder(staging: str) -> str:
    """Where an attempt stages the results of its audit's checks; readers of the staging folder `staging` do not see it."""
    return f"{staging}/_checks"


def markers_folder(warehouse: str, entry_id: int) -> str:
    """Where attempts at one ledger entry leave markers; `warehouse` is the folder in HDFS."""
    return f"{warehouse}/{STAGING}/entry_id={entry_id}/markers"
