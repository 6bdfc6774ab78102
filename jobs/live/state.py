"""The live state in Redis, as its writer sees it: each step is atomic, may be repeated, and ends if another writer took over."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from lakehouse import live
from lakehouse.clients.redis import Position, position
from lakehouse.live import BUILDING, GENERATION, NOTIFICATIONS, THROUGH, Player

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")

AT_ONCE = 500  # players, or keys, of one round trip
TRIES = 20  # at a player whom another writer changes meanwhile

# KEYS[1] names the generation that the writer may write to, and ARGV[1] is the one that it writes to.
_MINE = "if redis.call('get', KEYS[1]) ~= ARGV[1] then return -1 end\n"
_SET = "for n = {first}, #ARGV, 2 do redis.call('hset', KEYS[{key}], ARGV[n], ARGV[n + 1]) end\n"
# KEYS: that, the generation's `through`, the hash. ARGV: generation, entry, the hash's `through` as it was read, fields.
_ADD = (
    _MINE
    + """
local all = redis.call('get', KEYS[2])
if all and tonumber(all) >= tonumber(ARGV[2]) then return 1 end
if (redis.call('hget', KEYS[3], 'through') or '') ~= ARGV[3] then return 0 end
redis.call('hset', KEYS[3], 'through', ARGV[2])
"""
    + _SET.format(first=4, key=3)
    + "return 1"
)
# KEYS: that, the hash. ARGV: generation, entry, fields.
_REPLACE = (
    _MINE
    + """
local held = redis.call('hget', KEYS[2], 'through')
if held and tonumber(held) > tonumber(ARGV[2]) then return 1 end
redis.call('del', KEYS[2])
redis.call('hset', KEYS[2], 'through', ARGV[2])
"""
    + _SET.format(first=3, key=2)
    + "return 1"
)
# KEYS: that, the generation's `through`. ARGV: generation, entry.
_ADVANCE = (
    _MINE
    + """
local all = redis.call('get', KEYS[2])
if not all or tonumber(all) < tonumber(ARGV[2]) then redis.call('set', KEYS[2], ARGV[2]) end
return 1
"""
)
# KEYS: that, the stream. ARGV: generation, how many are kept, ids and JSON. Redis refuses an id that is not the greatest.
_NOTIFY = (
    _MINE
    + """
for n = 3, #ARGV, 2 do
  local done = redis.pcall('xadd', KEYS[2], 'MAXLEN', '~', ARGV[2], ARGV[n], 'data', ARGV[n + 1])
  if type(done) == 'table' and done.err and not string.find(done.err, 'equal or smaller', 1, true) then return done end
end
return 1
"""
)
# KEYS: where it is named until now, where it is named then. ARGV: generation.
_SWITCH = _MINE + "redis.call('set', KEYS[2], ARGV[1])\nredis.call('del', KEYS[1])\nreturn 1"


class TakenOver(Exception):
    """Another writer rebuilds the live state, or has done so."""


class LiveState:
    """The live state, with a client of Redis. Methods raise redis.RedisError, and TakenOver where a writer may be too late."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._add, self._replace = redis.register_script(_ADD), redis.register_script(_REPLACE)
        self._advance, self._notify = redis.register_script(_ADVANCE), redis.register_script(_NOTIFY)
        self._switch = redis.register_script(_SWITCH)

    def position(self) -> Position | None:
        """None if there is no live state, or a rebuild of it did not end."""
        return position(self._redis)

    def add(self, generation: bytes, entry_id: int, changes: Iterable[tuple[str, Player]]) -> None:
        """Adds to each player what an entry brought, unless the player holds that entry already."""
        for part in _parts(changes):
            left = part
            for _ in range(TRIES):
                left = self._add_once(generation, entry_id, left)
                if not left:
                    break
            else:
                raise TakenOver(f"other writers change the same players again and again, such as in entry {entry_id}")

    def _add_once(
        self, generation: bytes, entry_id: int, changes: Sequence[tuple[str, Player]]
    ) -> list[tuple[str, Player]]:
        """Returns those that another writer changed between the read and the write."""
        keys = [live.player_key(generation, name) for name, _ in changes]
        wanted = [[THROUGH, *live.fields_of(change)] for _, change in changes]
        with self._redis.pipeline(transaction=False) as pipe:
            for key, names in zip(keys, wanted, strict=True):
                pipe.hmget(key, names)
            found = pipe.execute()
        todo = []
        for change, key, names, values in zip(changes, keys, wanted, found, strict=True):
            held = {name: value for name, value in zip(names, values, strict=True) if value is not None}
            through = held.get(THROUGH, b"")
            if through and int(through) >= entry_id:
                continue
            became = (live.player_of(held) or Player()).plus(change[1])
            arguments = [generation, entry_id, through, *_flat(live.fields_of(became))]
            todo.append((change, [GENERATION, live.through_key(generation), key], arguments))
        done = self._all(self._add, [(keys, arguments) for _, keys, arguments in todo])
        return [change for (change, _, _), answer in zip(todo, done, strict=True) if not answer]

    def replace(
        self,
        generation: bytes,
        entry_id: int,
        players: Iterable[tuple[str, Player | None]],
        pointer: bytes = GENERATION,
    ) -> int:
        """Puts players in the place of what is held of them, unless that is of a later entry. Returns how many.

        None leaves nothing but the entry. `pointer`: BUILDING while the generation is built.
        """
        count = 0
        for part in _parts(players):
            calls = [
                (
                    [pointer, live.player_key(generation, name)],
                    [generation, entry_id, *(_flat(live.fields_of(player)) if player else ())],
                )
                for name, player in part
            ]
            count += len(self._all(self._replace, calls))
        return count

    def notify(self, generation: bytes, notifications: Sequence[tuple[str, bytes]], kept: int) -> None:
        """Adds notifications (ids and JSON, in order) to the stream; those that were added before are left out."""
        for part in _parts(notifications):
            flat = [text for pair in part for text in pair]
            self._all(self._notify, [([GENERATION, NOTIFICATIONS], [generation, kept, *flat])])

    def advance(self, generation: bytes, entry_id: int) -> None:
        """Says that all players hold the entry."""
        self._all(self._advance, [([GENERATION, live.through_key(generation)], [generation, entry_id])])

    def begin(self) -> bytes:
        """Begins a new generation. A rebuild that is under way elsewhere ends at its next write."""
        generation = uuid.uuid4().hex.encode()
        self._redis.set(BUILDING, generation)
        return generation

    def switch(self, generation: bytes) -> None:
        """Puts the new generation, which is built, in the place of the old one; `advance` then completes it."""
        self._all(self._switch, [([BUILDING, GENERATION], [generation])])

    def drop_others(self) -> None:
        """Deletes all generations but the one that is read and the one that is being built."""
        kept = {self._redis.get(GENERATION), self._redis.get(BUILDING)}
        for keys in _parts(self._redis.scan_iter(live.ALL_KEYS, count=AT_ONCE)):
            others = [key for key in keys if live.generation_of(key) not in {*kept, None}]
            if others:
                self._redis.unlink(*others)

    def forget(self, is_gone: Callable[[str, bytes], bool]) -> int:
        """Deletes the notifications (id and JSON) for which that is so. Returns how many."""
        count, start = 0, "-"
        while True:
            part: Any = self._redis.xrange(NOTIFICATIONS, min=start, count=AT_ONCE)
            gone = [key for key, fields in part if is_gone(key.decode(), fields[live.DATA])]
            if gone:
                count += len(gone)
                self._redis.xdel(NOTIFICATIONS, *gone)
            if len(part) < AT_ONCE:
                return count
            start = f"({part[-1][0].decode()}"

    def _all(self, script: Any, calls: Sequence[tuple[Sequence[Any], Sequence[Any]]]) -> list[int]:
        with self._redis.pipeline(transaction=False) as pipe:
            for keys, arguments in calls:
                script(keys=keys, args=arguments, client=pipe)
            done: list[int] = pipe.execute()
        if -1 in done:
            raise TakenOver("another run rebuilds the live state, and leaves it right")
        return done


def _flat(fields: Mapping[bytes, bytes]) -> list[bytes]:
    return [text for pair in fields.items() for text in pair]


def _parts(all_of: Iterable[T]) -> Iterator[list[T]]:
    """Lists of AT_ONCE each, the last one shorter."""
    left = iter(all_of)
    while part := list(islice(left, AT_ONCE)):
        yield part
