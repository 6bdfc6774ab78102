"""What each view is, and what each of its columns means; a column of a table means in a view what it means there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lakehouse.catalog import tables
from lakehouse.contract.model import Contracts


@dataclass(frozen=True)
class Comments:
    """Of one view: its own, and those of its columns, all of them."""

    view: str
    columns: Mapping[str, str]


_BATCHES = {
    **{name: tables.LEDGER[name][1] for name in ("entry_id", "kind", "verdict", "failed_checks", "refused", "waiver")},
    **{name: tables.LEDGER[name][1] for name in ("selection", "day", "tables", "through", "comparison")},
    "status": "how far it is: planned, decided, abandoned or done",
    "who": "who asked for it",
    "why": "the reason given",
    "abandoned_because": "why it was abandoned",
    "offsets": "how many offsets of Kafka are planned; of an ingest alone",
    "published": "rows that it added to event tables, once it is done",
    "quarantined": "rows that it added to ops.quarantine, once it is done",
    "duplicates": "messages that repeat an event that is there, once it is done",
    "suppressed": "messages of erased players, once it is done",
    "erased": "rows of raw.events that an erase deleted",
    "page": "address of its data-quality page",
    "planned_by": "Airflow run that planned it",
    "run": "Airflow run that closed it as done",
    "planned_at": "when it was planned (UTC)",
    "decided_at": "when it was decided (UTC)",
    "closed_at": "when it was done or abandoned (UTC)",
}
_INGESTED = {
    "complete_through": "all messages that Kafka got before this time (UTC) are in the event tables, or where they belong; "
    "null: not known yet",
    "lag_seconds": "seconds since complete_through",
}
_FRESHNESS = {
    "table_name": "table, as schema.name",
    "complete_through": "all messages that Kafka got before this time (UTC) are in it, or where they belong; of a daily table "
    "all days before; null: not known yet",
    "lag_seconds": "seconds since complete_through",
    "last_entry_id": "ledger entry that changed it last; of a daily table the last one that its builds include",
    "last_written_at": "when it was changed last (UTC)",
}
_INVENTORY = {
    "player": "player",
    "item_type": "kind of item",
    "item": "item within its kind",
    "quantity": "gained minus lost over all days that are built; null if 64 bits do not hold it",
}


def comments(contracts: Contracts) -> dict[str, Comments]:
    """By the name of the view."""
    envelope = {field.name: field.description for field in contracts.envelope}
    sent = {
        "raw_event": "the message as it was sent",
        "timestamp": "when the broker appended the message (UTC), as text",
        "accept": envelope["accept"],
        "host": envelope["host"],
        "user-agent": envelope["user_agent"],
        "event_type": envelope["event_type"],
    }

    def compat(view: str, event_type: str, *more: str) -> Comments:
        own = {field.name: field.description for field in contracts[event_type].fields}
        return Comments(view, {**sent, **{name: own[name] for name in more}})

    return {
        "ops.batches": Comments("The ledger's entries, one row each, with what became of them.", _BATCHES),
        "ops.quarantine_open": Comments(
            "Messages in quarantine of which nobody has disposed: not replayed, rebuilt or discarded since.",
            {name: comment for name, (_, comment) in tables.QUARANTINE.items()},
        ),
        "ops.ingested": Comments("Until when the event tables are complete, in one row.", _INGESTED),
        "ops.freshness": Comments("How complete each table of game is, and since when.", _FRESHNESS),
        "game.player_inventory": Comments("What each player has of each item, by the days that are built.", _INVENTORY),
        "compat.valid_events": Comments(
            "Sword and guild events together, by the names of the first report.",
            {
                **sent,
                "event_type": "sword_event or guild_event",
                "direction": "increase: bought or joined; reduce: given up or left",
                "event_detail": "which sword, or which guild",
            },
        ),
        "compat.requestors": compat("Players who asked to be taken into a group.", "request_group"),
        "compat.acceptors": compat("Players who took a member into a group.", "accept_member"),
        "compat.sword_purchases": compat("Swords that were bought; those given up are not here.", "purchase_sword"),
        "compat.guild_joins": compat("Players who joined a guild.", "guild_action"),
        "compat.horse_purchases": compat("Horses that were bought.", "purchase_horse", "speed", "size", "quantity"),
        "compat.guild_actions": compat("Players who joined a guild or left one.", "guild_action", "action"),
        "compat.default_events": compat("Players who opened the game's front page.", "default"),
    }
