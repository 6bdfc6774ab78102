"""The views that analysts read in Trino: the ledger by entry, open quarantine, the inventory, the names of `compat`."""

from __future__ import annotations

from lakehouse.catalog.view_comments import comments
from lakehouse.clients.trino import Session
from lakehouse.contract.model import Contracts
from lakehouse.ledger.vocabulary import NOT_PUBLISHED, Destination, Kind, Step, sql_list
from lakehouse.names import VIEWS_CATALOG
from lakehouse.settings import Settings

BATCHES = f"""
select entry_id, any_value(kind) as kind,
  case when bool_or(step = '{Step.DONE}') then '{Step.DONE}' when bool_or(step = '{Step.ABANDONED}') then '{Step.ABANDONED}'
       when bool_or(step = '{Step.DECIDED}') then '{Step.DECIDED}' else '{Step.PLANNED}' end as status,
  max(verdict) filter (where step = '{Step.DECIDED}') as verdict,
  max(failed_checks) filter (where step = '{Step.DECIDED}') as failed_checks,
  any_value(refused) filter (where step = '{Step.DECIDED}') as refused,
  max(waiver) as waiver,
  max(who) filter (where step = '{Step.PLANNED}') as who,
  max(why) filter (where step = '{Step.PLANNED}') as why,
  max(why) filter (where step = '{Step.ABANDONED}') as abandoned_because,
  any_value(selection) filter (where step = '{Step.PLANNED}') as selection,
  max(day) filter (where step = '{Step.PLANNED}') as day,
  any_value(tables) filter (where step = '{Step.PLANNED}') as tables,
  max(through) filter (where step = '{Step.PLANNED}') as through,
  any_value(comparison) filter (where step = '{Step.DECIDED}') as comparison,
  coalesce(max(reduce(ranges, bigint '0', (n, r) -> n + r.until - r.start, n -> n)) filter (where step = '{Step.PLANNED}'), 0)
    as offsets,
  {{columns}},
  '{{quality}}' || max(page) filter (where step = '{Step.DECIDED}' and page <> '') as page,
  max(run) filter (where step = '{Step.PLANNED}') as planned_by,
  max(run) filter (where step = '{Step.DONE}') as run,
  min(time) filter (where step = '{Step.PLANNED}') as planned_at,
  min(time) filter (where step = '{Step.DECIDED}') as decided_at,
  min(time) filter (where step in ({sql_list((Step.DONE, Step.ABANDONED))})) as closed_at
from ops.ledger group by entry_id
"""

_DONE_ROWS = (
    "coalesce(max(reduce(filter(counts, c -> {which}), bigint '0', (n, c) -> n + c.rows, n -> n)) "
    f"filter (where step = '{Step.DONE}' and {{kinds}}), 0) as {{name}}"
)
_ADDED, _ERASED = f"kind <> '{Kind.ERASE}'", f"kind = '{Kind.ERASE}'"  # the counts of an erase are of deleted rows
_COUNTED = {
    "published": (_ADDED, f"c.destination not in ({sql_list(NOT_PUBLISHED)})"),
    "quarantined": (_ADDED, f"c.destination = '{Destination.QUARANTINE}'"),
    "duplicates": (_ADDED, f"c.destination = '{Destination.DUPLICATE}'"),
    "suppressed": (_ADDED, f"c.destination = '{Destination.SUPPRESSED}'"),
    "erased": (_ERASED, f"c.destination = '{Destination.RAW}'"),
}

QUARANTINE_OPEN = """
select q.* from ops.quarantine q where not exists (
  select 1 from ops.quarantine_actions a
  where a.topic_id = q.topic_id and a.partition = q.partition and a."offset" = q."offset" and a.entry_id > q.entry_id)
"""

# The stock at the end of the newest month whose snapshot contains every build of its days, plus all changes since.
# Trino and Spark read the same text. docs/decisions/0005-inventory-months.md says why it always equals the plain sum. A
# sum beyond 64 bits is null, so that one player's sum does not end everybody's query. The audit of a day reports it.
PLAYER_INVENTORY = """
with built as (select distinct day, built_through, cause from ops.day_builds),
snapshots as (select distinct month, builds from game.player_inventory_months),
valid as (
  select s.month from snapshots s join built b on b.day < s.month + interval '1' month
  group by s.month, s.builds having count(*) = s.builds)
select player, item_type, item, try_cast(sum(cast(quantity as decimal(38, 0))) as bigint) as quantity from (
  select player, item_type, item, quantity from game.player_inventory_months
  where month = (select max(month) from valid)
  union all
  select player, item_type, item, change from game.player_item_changes
  where event_date >= (select coalesce(max(month) + interval '1' month, date '0001-01-01') from valid))
group by player, item_type, item
"""

_WHEN = "format_datetime(at_timezone(kafka_timestamp, 'UTC'), 'yyyy-MM-dd HH:mm:ss.SSS') as \"timestamp\""
_SENT = f'raw_event, {_WHEN}, accept, host, user_agent as "user-agent"'


def views(settings: Settings) -> dict[str, str]:
    """The statement of every view, by qualified name."""
    quality = f"{settings.airflow_url}/quality/"
    return {
        "ops.batches": BATCHES.format(
            quality=quality.replace("'", "''"),
            columns=",\n  ".join(
                _DONE_ROWS.format(name=name, kinds=kinds, which=which) for name, (kinds, which) in _COUNTED.items()
            ),
        ),
        "ops.quarantine_open": QUARANTINE_OPEN,
        "game.player_inventory": PLAYER_INVENTORY,
        "compat.valid_events": f"""
            select {_SENT}, 'sword_event' as event_type, direction, event_detail from game.sword_purchases
            union all
            select {_SENT}, 'guild_event', case action when 'join' then 'increase' else 'reduce' end, guild
            from game.guild_actions
            """,
        "compat.requestors": f"select {_SENT}, event_type from game.group_requests",
        "compat.acceptors": f"select {_SENT}, event_type from game.member_acceptances",
        "compat.sword_purchases": f"select {_SENT}, event_type from game.sword_purchases where direction = 'increase'",
        "compat.guild_joins": f"select {_SENT}, 'join_guild' as event_type from game.guild_actions where action = 'join'",
        "compat.horse_purchases": f"select {_SENT}, event_type, speed, size, quantity from game.horse_purchases",
        "compat.guild_actions": f"select {_SENT}, event_type, action from game.guild_actions",
        "compat.default_events": f"select {_SENT}, event_type from game.default_events",
    }


def create_views(settings: Settings, contracts: Contracts) -> list[str]:
    """Makes or replaces all views, with their comments. Returns their names.

    Raises:
        QueryError: Trino does not answer, or a table that a view reads is missing.
    """
    made, said = views(settings), comments(contracts)
    with Session(settings) as session:
        for name, statement in made.items():
            about = said[name]
            session.ask(f"create or replace view {VIEWS_CATALOG}.{name} comment {_text(about.view)} as {statement}")
            for column, comment in about.columns.items():
                session.ask(f'comment on column {VIEWS_CATALOG}.{name}."{column}" is {_text(comment)}')
    return list(made)


def _text(words: str) -> str:
    """Our own words as a text of Trino's SQL."""
    return "'" + words.replace("'", "''") + "'"
