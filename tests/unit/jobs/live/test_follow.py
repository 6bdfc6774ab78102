"""After any entries, in any order of runs, the live state is what the event tables say; its failure is a warning."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest

from jobs.daily import facts
from jobs.live import follow as module
from jobs.live.follow import catch_up, follow, rebuild
from jobs.live.state import LiveState
from jobs.runtime.job import Job
from jobs.staging import audit
from jobs.staging.files import Tally
from jobs.upkeep.erasures import hash_of
from lakehouse import live, names
from lakehouse.clients.redis import position
from lakehouse.contract.model import Contracts, Rule
from lakehouse.ledger.entries import Decision
from lakehouse.ledger.selection import Selection
from lakehouse.ledger.vocabulary import Kind, Verdict
from lakehouse.live import GENERATION, NOTIFICATIONS, ItemName
from tests.redis_server import RedisServer
from tests.unit.jobs.entries.world import DAY, KEY, World, sword
from tests.unit.jobs.messages import CONTRACTS, NOW, event_id

pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed <socket:ResourceWarning",
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning",
)


class Live:
    """A lakehouse in memory with a live state that follows it."""

    def __init__(self, world: World, redis: RedisServer) -> None:
        world.settings = world.settings.model_copy(update={"redis_url": redis.url})
        self.world = world
        self.server = redis

    def ingest(self, *values: bytes, at: dt.datetime = NOW) -> int:
        """Publishes the messages. Does not follow."""
        batch = self.world.arrive(*values, at=at)
        self.world.close()
        return batch

    def follow(self) -> None:
        """As the end of a job does it; here a failure is an error."""
        with self.server.client() as client:
            catch_up(self.world.job(), LiveState(client))

    def rebuild(self) -> None:
        with self.server.client() as client:
            rebuild(self.world.job(), LiveState(client))

    def players(self) -> dict[str, tuple[live.Player, int]]:
        """All that is held, with the entry that each hash is through; hashes that hold no event are left out."""
        found = {}
        with self.server.client() as client:
            generation: Any = client.get(GENERATION)
            start = live.player_key(generation, "")
            for key in client.scan_iter(match=b"live:*:player:*"):
                assert key.startswith(start), "a key of a former generation"
                fields: Any = client.hgetall(key)
                player = live.player_of(fields)
                if player is not None:
                    found[key.removeprefix(start).decode()] = player, int(fields[live.THROUGH])
        return found

    def inventory(self) -> dict[tuple[str, ItemName], int]:
        return {(who, name): item.quantity for who, (p, _) in self.players().items() for name, item in p.items.items()}

    def through(self) -> int | None:
        with self.server.client() as client:
            found = position(client)
        return found.through if found else None

    def news(self) -> list[tuple[str, str, str]]:
        """Id, event type and player of each notification."""
        with self.server.client() as client:
            rows: Any = client.xrange(NOTIFICATIONS)
        told = [(id_.decode(), json.loads(fields[live.DATA])) for id_, fields in rows]
        return [(id_, each["event_type"], each["player"]) for id_, each in told]

    def check(self) -> None:
        """What is held is what the daily facts, on another way, make of the same event tables."""
        tables = {name: self.world.store.read(names.event_table(name)) for name in CONTRACTS.tables}
        changes: dict[tuple[str, ItemName], int] = {}
        seen: dict[str, int] = {}
        days = {row[0] for rows in tables.values() for row in rows.select("event_date").distinct().collect()}
        for day in days:
            for row in facts.player_changes(facts.events_of_day(tables, CONTRACTS, day), day).collect():
                name = row["player"], ItemName(row["item_type"], row["item"])
                changes[name] = changes.get(name, 0) + row["change"]
        for rows in tables.values():
            for row in rows.selectExpr("player", "unix_micros(kafka_timestamp) as at").collect():
                seen[row["player"]] = max(row["at"], seen.get(row["player"], 0))
        assert self.inventory() == changes
        assert {name: player.last_seen for name, (player, _) in self.players().items()} == seen
        assert self.through() == self.world.job().ledger.read().closed_through


@pytest.fixture
def audited(world: World, redis: RedisServer) -> Live:
    found = Live(world, redis)
    found.follow()  # through entry 0
    return found


@pytest.fixture
def alive(audited: Live, monkeypatch: pytest.MonkeyPatch) -> Live:
    """Whose batches pass every audit unseen, which saves a second or two each."""

    def decide(job: Job, name: str, staged: Any, tally: Tally, folder: str, *_: Any) -> Decision:
        return Decision(job.attempt_id, job.judged_by, Verdict.PASSED, (), tuple(tally.counts), folder, "")

    monkeypatch.setattr(audit, "decide", decide)
    return audited


def guild(action: str, name: str | None = None, player: str = "p") -> bytes:
    event = {"event_type": "guild_action", "event_id": event_id(), "player": player, "host": "h", "action": action}
    return json.dumps(event | ({"guild": name} if name else {})).encode()


def looked(player: str = "p") -> bytes:
    return sword(event_type="default", player=player)


def test_a_new_lakehouse_has_a_live_state_through_nothing(alive: Live) -> None:
    assert (alive.through(), alive.players()) == (0, {})


def test_what_a_batch_brings_is_added_to_its_players(alive: Live) -> None:
    alive.ingest(
        sword(quantity=3, color="red"), sword(quantity=1, color="red", direction="reduce"), b"junk", looked("q")
    )
    alive.follow()
    assert alive.inventory() == {("p", ItemName("sword", "red")): 2}
    alive.check()
    alive.ingest(sword(color="red"), sword(player="q"), at=NOW + dt.timedelta(days=1))
    alive.follow()
    alive.check()
    assert {name: through for name, (_, through) in alive.players().items()} == {"p": 2, "q": 2}


def test_following_again_changes_nothing(alive: Live) -> None:
    alive.ingest(sword(), guild("join", "a"))
    alive.follow()
    before = alive.players(), alive.news()
    alive.follow()
    assert (alive.players(), alive.news()) == before


@pytest.mark.parametrize("step", ["add", "notify", "advance"])
def test_an_entry_whose_application_was_cut_off_counts_once(
    alive: Live, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever step it was cut off after."""
    alive.ingest(sword(), sword(player="q"))
    done = getattr(LiveState, step)

    def cut(*arguments: Any) -> None:
        done(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LiveState, step, cut)
        with pytest.raises(KeyboardInterrupt):
            alive.follow()
    alive.follow()
    alive.check()
    assert len(alive.news()) == 2


def test_the_guild_follows_from_all_batches(alive: Live) -> None:
    def of() -> str | None:
        return alive.players()["p"][0].guild

    for values, wanted in (
        ([guild("join", "a"), guild("join", "b")], "b"),
        ([guild("leave", "a")], "b"),
        ([guild("leave")], None),
        ([guild("leave", "c"), guild("join", "c")], "c"),
    ):
        alive.ingest(*values)
        alive.follow()
        assert of() == wanted
    alive.check()
    alive.rebuild()
    assert of() == "c"


def test_a_batch_that_is_held_changes_no_player(audited: Live) -> None:
    audited.ingest(*[sword(quantity=1_000_000_001) for _ in range(101)])
    audited.follow()
    assert audited.players() == {} and audited.news() == []
    audited.check()


def test_replayed_events_are_in_the_state_and_are_told(audited: Live) -> None:
    audited.ingest(sword(quantity=1_000_000_001), sword())
    audited.follow()
    assert len(audited.news()) == 1
    held = audited.world.ask(
        Kind.REPLAY, selection=Selection(reason="audit:quantity_possible"), waiver="seen by the owner"
    )
    audited.follow()
    audited.check()
    assert audited.inventory()["p", ItemName("sword", None)] == 1_000_000_002
    assert audited.news()[-1] == (f"{held.entry_id}-1", "purchase_sword", "p")


def refusing(world: World, player: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the judge refuses this player's swords, as a contract that was tightened would."""
    contract = CONTRACTS["purchase_sword"]
    rule = Rule("not_this_player", f"player <> '{player}'", "Another player.")
    tightened = dataclasses.replace(contract, rules=(*contract.rules, rule))
    contracts = [tightened if each is contract else each for each in CONTRACTS.values()]
    changed = Contracts(contracts, CONTRACTS.envelope, CONTRACTS.envelope_schema)
    monkeypatch.setattr("tests.unit.jobs.entries.world.CONTRACTS", changed)


def test_a_rebuild_of_a_day_recomputes_also_players_who_are_in_no_table_any_more(
    alive: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = alive.ingest(sword(), sword(player="q"), looked())
    alive.ingest(sword(player="r"), at=NOW + dt.timedelta(days=1))
    alive.follow()
    news = alive.news()
    refusing(alive.world, "q", monkeypatch)
    entry = alive.world.ask(Kind.REBUILD, day=DAY, through=batch)
    assert entry.done
    alive.follow()
    assert set(alive.players()) == {"p", "r"}
    alive.check()
    assert alive.news() == news, "what a rebuild publishes is no news"


def test_entries_that_were_closed_while_redis_was_away_are_made_good_in_order(
    alive: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of the batches were replaced before they could be added."""
    alive.ingest(sword())
    alive.follow()
    batch = alive.ingest(sword(), sword(player="q"))
    refusing(alive.world, "q", monkeypatch)
    assert alive.world.ask(Kind.REBUILD, day=DAY, through=batch).done
    alive.ingest(sword(), looked("s"))
    alive.follow()
    alive.check()
    assert set(alive.players()) == {"p", "s"}


def erase(alive: Live, player: str) -> None:
    assert alive.world.ask(Kind.ERASE, player_hash=hash_of(player, KEY.encode())).done


def everything(server: RedisServer) -> str:
    """All keys and values of Redis, as one text."""
    with server.client() as client:
        found: list[Any] = []
        for key in client.scan_iter():
            kind: Any = client.type(key)
            read: dict[bytes, Callable[[Any], Any]] = {
                b"hash": client.hgetall, b"string": client.get, b"stream": client.xrange,
            }  # fmt: skip
            found.append((key, read[kind](key)))
    return repr(found)


def test_an_erased_player_is_nowhere_in_redis_and_the_others_stay(alive: Live) -> None:
    alive.ingest(sword(player="anna"), sword(player="bob"), guild("join", "a", "anna"))
    alive.follow()
    assert "anna" in everything(alive.server)
    erase(alive, "anna")
    alive.follow()
    assert "anna" not in everything(alive.server)
    assert [player for _, _, player in alive.news()] == ["bob"]
    alive.check()
    alive.ingest(sword(player="anna"))  # who comes back is a new player
    alive.follow()
    assert alive.inventory()["anna", ItemName("sword", None)] == 1
    assert [player for _, _, player in alive.news()] == ["bob", "anna"]


def test_a_player_erased_while_redis_was_away_is_gone_with_the_next_run(alive: Live) -> None:
    alive.ingest(sword(player="anna"), sword(player="bob"))
    alive.follow()
    erase(alive, "anna")
    alive.ingest(sword(player="bob"))
    alive.follow()
    assert "anna" not in everything(alive.server)
    alive.check()


def test_a_redis_that_came_back_empty_is_filled_from_the_tables(alive: Live) -> None:
    alive.ingest(sword(), guild("join", "a"))
    alive.follow()
    before = alive.players()
    alive.server.kill()
    alive.server.start()
    assert alive.through() is None
    alive.ingest(sword(player="q"))
    alive.follow()
    alive.check()
    assert alive.players()["p"][0] == before["p"][0]


def test_a_rebuild_mends_whatever_was_wrong(alive: Live) -> None:
    alive.ingest(sword(), sword(player="q"))
    alive.follow()
    with alive.server.client() as client:
        generation: Any = client.get(GENERATION)
        client.hset(
            live.player_key(generation, "p"), mapping={live.THROUGH: b"99", live.item_field(ItemName("x", "y")): b"[5]"}
        )
        client.hset(live.player_key(generation, "ghost"), live.LAST_SEEN, b"1")
    alive.rebuild()
    alive.check()


def test_far_behind_it_is_rebuilt(alive: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ENTRIES", 1)
    monkeypatch.setattr(module, "apply", None)
    for _ in range(2):
        alive.ingest(sword())
    alive.follow()
    alive.check()


def test_a_redis_of_another_ledger_is_rebuilt(alive: Live) -> None:
    with alive.server.client() as client:
        generation: Any = client.get(GENERATION)
        LiveState(client).advance(generation, 40)
    alive.ingest(sword())
    alive.follow()
    alive.check()


def test_without_redis_a_job_ends_well_with_a_warning(alive: Live) -> None:
    alive.ingest(sword())
    alive.server.kill()
    try:
        follow(alive.world.job())
    finally:
        alive.server.start()
    assert "the live state is not up to date" in alive.world.log.lines[-1]
    follow(alive.world.job())
    alive.check()


def test_where_no_live_state_is_wanted_nothing_happens(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "catch_up", None)
    for url in (None, ""):
        world.settings = world.settings.model_copy(update={"redis_url": url})
        follow(world.job())
    assert world.log.lines == []


def test_of_a_batch_only_the_newest_notable_events_are_told(alive: Live) -> None:
    alive.world.settings = alive.world.settings.model_copy(update={"kept_notifications": 2})
    alive.ingest(sword(player="a"), sword(player="b"), looked("d"), sword(player="c"))
    alive.follow()
    assert alive.news() == [("1-1", "purchase_sword", "b"), ("1-2", "purchase_sword", "c")]
