"""The views that analysts read in Trino: the ledger by entry, open quarantine, the inventory, the names of `compat`."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event

from lakehouse import names
from lakehouse.catalog.view_comments import comments
from lakehouse.clients.trino import Session
from lakehouse.contract.model import Contracts
from lakehouse.ledger.vocabulary import NOT_PUBLISHED, BuildCause, BuildStep, Destination, Kind, Step, sql_list
from lakehouse.names import VIEWS_CATALOG
from lakehouse.settings import Settings

_COMMENTED_AT_ONCE = 4  # views
DAILY_TABLES = tuple(
    table.name for table in (names.DAILY_EVENT_COUNTS, names.DAILY_ITEM_SALES, names.PLAYER_ITEM_CHANGES)
)

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
select q.* from ops.quarantine q left join (
  select topic_id, partition, "offset", max(entry_id) as entry_id from ops.quarantine_actions group by 1, 2, 3) a
on a.topic_id = q.topic_id and a.partition = q.partition and a."offset" = q."offset"
where a.entry_id is null or a.entry_id <= q.entry_id
"""

# Until when no message is missing in the event tables, whatever partition is idle and whatever day is made anew beside it.
# A done ingest has read every partition up to where it ended when the entry was planned, and entries are closed in order.
# One that took as much as it may has perhaps left messages behind, so the one before it counts.
INGESTED = f"""
select through as complete_through, date_diff('second', through, current_timestamp) as lag_seconds from (
  select max(time) as through from ops.ledger
  where kind = '{Kind.INGEST}' and step = '{Step.PLANNED}'
    and reduce(ranges, bigint '0', (n, r) -> n + r.until - r.start, n -> n) < {{most_events}}
    and entry_id <= (select max(entry_id) from ops.ledger where kind = '{Kind.INGEST}' and step = '{Step.DONE}'))
"""

# Of each table. Daily tables are complete through the first day with events that is not built. The rows of the ledger are
# unfolded once: the row of all destinations (is_daily) stands for the daily tables.
FRESHNESS = f"""
with built as (
  select array_agg(distinct day) as days, min(day) as first, max(day) + interval '1' day as after,
    max(built_through) as last_entry_id, max(time) as last_written_at
  from ops.day_builds where step = '{BuildStep.FINISHED}' and cause = '{BuildCause.ROLLUP}'),
by_day as (
  select destination, event_date, bool_or(kind = '{Kind.INGEST}') as is_ingested, max(entry_id) as last_entry_id,
    max(time) as last_written_at
  from ops.ledger cross join unnest(counts) as c(destination, topic, partition, event_date, rows)
  where step = '{Step.DONE}' group by destination, event_date),
written as (
  select destination, grouping(destination) = 1 as is_daily, max(last_entry_id) as last_entry_id,
    max(last_written_at) as last_written_at, array_agg(distinct event_date) filter (where is_ingested) as days
  from by_day group by grouping sets ((destination), ())),
found as (
  select 'game.' || t.name as table_name,
    if(w.is_daily,
      with_timezone(cast(least(coalesce(array_min(filter(w.days, d -> d > b.first and not contains(b.days, d))), b.after),
        b.after) as timestamp(6)), 'UTC'),
      i.complete_through) as through,
    if(w.is_daily, b.last_entry_id, w.last_entry_id) as last_entry_id,
    if(w.is_daily, b.last_written_at, w.last_written_at) as last_written_at
  from written w cross join ops.ingested i cross join built b
  cross join unnest(if(w.is_daily, array[{sql_list(DAILY_TABLES)}], array[w.destination])) as t(name)
  where w.is_daily or w.destination not in ({sql_list(NOT_PUBLISHED)}))
select table_name, through as complete_through, date_diff('second', through, current_timestamp) as lag_seconds,
  last_entry_id, last_written_at from found
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
    quality = f"{settings.airflow_page_url}/quality/"
    return {
        "ops.batches": BATCHES.format(
            quality=quality.replace("'", "''"),
            columns=",\n  ".join(
                _DONE_ROWS.format(name=name, kinds=kinds, which=which) for name, (kinds, which) in _COUNTED.items()
            ),
        ),
        "ops.quarantine_open": QUARANTINE_OPEN,
        "ops.ingested": INGESTED.format(most_events=int(settings.max_events_per_batch)),
        "ops.freshness": FRESHNESS,
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
        for name, statement in made.items():  # in this order: some read others
            about = _text(said[name].view)
            session.ask(f"create or replace view {VIEWS_CATALOG}.{name} comment {about} as {statement}")
    ended = Event()
    with ThreadPoolExecutor(_COMMENTED_AT_ONCE) as threads:
        asked = [threads.submit(_comment, settings, name, said[name].columns, ended) for name in made]
        try:
            for done in as_completed(asked):
                done.result()
        finally:
            ended.set()  # at Ctrl-C too: those that are being commented end, no other begins
    return list(made)


def _comment(settings: Settings, view: str, columns: Mapping[str, str], ended: Event) -> None:
    """Says what each column of a view holds: a statement each, Trino has no other way.

    If Trino refuses one, it is `ended`; then no other view is begun.
    """
    if ended.is_set():
        return
    try:
        with Session(settings) as session:
            for column, comment in columns.items():
                session.ask(f'comment on column {VIEWS_CATALOG}.{view}."{column}" is {_text(comment)}')
    except BaseException:
        ended.set()
        raise


def _text(words: str) -> str:
    """Our own words as a text of Trino's SQL."""
    return "'" + words.replace("'", "''") + "'"
