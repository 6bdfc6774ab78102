"""Names of tables, folders and views are spelled as everybody outside knows them."""

from __future__ import annotations

from typing import Any

import pytest
import sqlglot

from lakehouse import names
from lakehouse.catalog import tables, views
from lakehouse.catalog.view_comments import comments
from lakehouse.clients.trino import QueryError
from lakehouse.contract.load import load_contracts
from lakehouse.settings import Settings


def test_tables_and_folders_have_these_names() -> None:
    found = [value.qualified for value in vars(names).values() if isinstance(value, names.Table)]
    assert sorted(found) == [
        "game.daily_event_counts", "game.daily_item_sales", "game.player_inventory_months", "game.player_item_changes",
        "ops.audits", "ops.checks", "ops.day_builds", "ops.erasures", "ops.ledger", "ops.losses", "ops.quarantine",
        "ops.quarantine_actions", "raw.events",
    ]  # fmt: skip
    assert names.event_table("messages") == names.Table("game", "messages")
    assert names.LEDGER.path("hdfs://h:1/lakehouse") == "hdfs://h:1/lakehouse/ops/ledger"
    assert names.staging_folder("hdfs://h:1/l", 7, "a-1") == "hdfs://h:1/l/_staging/entry_id=7/a-1"
    assert names.markers_folder("/l", 7) == "/l/_staging/entry_id=7/markers"
    assert names.DATABASES == ("raw", "game", "ops", "compat")
    assert (names.CATALOG, names.VIEWS_CATALOG) == ("lakehouse", "views")


def text(words: str) -> str:
    return "'" + words.replace("'", "''") + "'"


def test_every_column_of_a_view_is_explained_and_no_other() -> None:
    about, statements = comments(load_contracts(Settings().contracts)), views.views(Settings())
    assert list(about) == list(statements)
    for name, statement in statements.items():
        query = sqlglot.parse_one(statement, dialect="trino")
        assert isinstance(query, sqlglot.exp.Query)
        columns = query.named_selects
        if columns != ["*"]:
            assert sorted(columns) == sorted(about[name].columns), name
        assert all(about[name].columns.values()) and about[name].view
    assert list(about["ops.quarantine_open"].columns) == list(tables.QUARANTINE)


def asking(monkeypatch: pytest.MonkeyPatch, refused: str | None = None) -> list[str]:
    """Puts a session in the place of Trino's. Returns what it is asked; it refuses what begins with `refused`."""
    asked: list[str] = []

    class Session:
        def __init__(self, settings: Settings) -> None: ...

        def __enter__(self) -> Session:
            return self

        def __exit__(self, *_: object) -> None: ...

        def ask(self, sql: str) -> None:
            asked.append(sql)
            if refused and sql.startswith(refused):
                raise QueryError("Trino refused it")

    monkeypatch.setattr(views, "Session", Session)
    return asked


def test_each_view_is_made_in_the_catalog_of_views(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asking(monkeypatch)
    settings = Settings(airflow_url="http://it's")
    about = comments(load_contracts(settings.contracts))
    made = views.create_views(settings, load_contracts(settings.contracts))
    assert made == [
        "ops.batches", "ops.quarantine_open", "ops.ingested", "ops.freshness", "game.player_inventory", "compat.valid_events",
        "compat.requestors", "compat.acceptors", "compat.sword_purchases", "compat.guild_joins", "compat.horse_purchases",
        "compat.guild_actions", "compat.default_events",
    ]  # fmt: skip
    statements = views.views(settings)
    assert asked[: len(made)] == [
        f"create or replace view views.{name} comment {text(about[name].view)} as {statements[name]}" for name in made
    ]
    of_columns = asked[len(made) :]  # those of several views at once, so in no order
    assert sorted(of_columns) == sorted(
        f'comment on column views.{name}."{column}" is {text(comment)}'
        for name in made
        for column, comment in about[name].columns.items()
    )
    assert "'http://it''s/quality/' || max(page)" in statements["ops.batches"]
    when = "format_datetime(at_timezone(kafka_timestamp, 'UTC'), 'yyyy-MM-dd HH:mm:ss.SSS') as \"timestamp\""
    assert statements["compat.requestors"] == (
        f'select raw_event, {when}, accept, host, user_agent as "user-agent", event_type from game.group_requests'
    )


def test_a_comment_that_trino_refuses_ends_the_views(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asking(monkeypatch, refused="comment")
    monkeypatch.setattr(views, "_COMMENTED_AT_ONCE", 1)
    with pytest.raises(QueryError, match="Trino refused it"):
        views.create_views(Settings(), load_contracts(Settings().contracts))
    assert len([sql for sql in asked if sql.startswith("comment")]) == 1, "the views behind it are not begun"


def test_a_batch_counts_its_rows_by_where_they_went() -> None:
    batches = views.views(Settings())["ops.batches"]
    counted = [line.strip() for line in batches.splitlines() if line.strip().startswith("coalesce(max(reduce(filter")]
    each = (
        "coalesce(max(reduce(filter(counts, c -> {}), bigint '0', (n, c) -> n + c.rows, n -> n)) "
        "filter (where step = 'done' and {}), 0) as {}"
    )
    nowhere = "'raw', 'quarantine', 'duplicate', 'suppressed', 'discarded', 'not_asked'"
    wanted: list[tuple[Any, ...]] = [
        (f"c.destination not in ({nowhere})", "kind <> 'erase'", "published,"),
        ("c.destination = 'quarantine'", "kind <> 'erase'", "quarantined,"),
        ("c.destination = 'duplicate'", "kind <> 'erase'", "duplicates,"),
        ("c.destination = 'suppressed'", "kind <> 'erase'", "suppressed,"),
        ("c.destination = 'raw'", "kind = 'erase'", "erased,"),
    ]
    assert counted == [each.format(*parts) for parts in wanted]
