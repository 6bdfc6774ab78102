"""State: what the model knows of Kafka, of every Delta table and of every run, and the names of all commits."""

from __future__ import annotations

from typing import Any, NamedTuple

TABLES = ("swords", "horses")  # two game tables stand for any number: publish is a commit a table
BOTH, ONLY_C1 = 3, 2  # bit c is set: holds under contract set c


class Message(NamedTuple):
    """One Kafka message; `valid`, `sound` and `clean` are sets of contract sets (bits).

    Its contract accepts it; no check of the whole batch fails by it; no rule of rows refuses it.
    """

    name: str
    part: int
    off: int
    day: int
    event: str
    table: int
    player: str
    valid: int
    sound: int
    clean: int


class Scenario(NamedTuple):
    """The messages that Kafka will ever hold, and the end offsets. More refused rows than `limit` hold a batch."""

    name: str
    messages: tuple[Message, ...]
    ends: tuple[int, ...]
    limit: int = 1


class Commit(NamedTuple):
    """One commit of the protocol: the Delta table it writes, the transaction app (None: idempotent without)."""

    table: str
    app: str | None
    before: str | None = None  # kill points of jobs/runtime/hooks.py just before and after it
    after: str | None = None


COMMITS: dict[str, Commit] = {
    "plan": Commit("ops.ledger", "plan", "before_plan", "after_plan"),
    "raw": Commit("raw.events", "raw", "before_raw", "after_raw"),
    "decide": Commit("ops.ledger", "decide", "before_decide", "after_decide"),
    "abandon": Commit("ops.ledger", "decide", "before_abandon", "after_decide"),
    **{f"game:{t}": Commit(f"game.{t}", "publish", "between_tables", f"after_table:{t}") for t in TABLES},
    "quarantine": Commit("ops.quarantine", "publish", None, "after_quarantine"),
    "actions": Commit("ops.quarantine_actions", "publish", None, "after_actions"),
    **{f"erase:{t}": Commit(f"game.{t}", None, f"before_erase:{t}", f"after_erase:{t}") for t in TABLES},
    "erase:quarantine": Commit("ops.quarantine", None, "before_erase:quarantine", "after_erase:quarantine"),
    "erase:raw": Commit("raw.events", None, "before_erase:events", "after_erase:events"),
    "done": Commit("ops.ledger", "done", "before_done", "after_done"),
    "loss": Commit("ops.losses", "loss", "before_loss", "after_loss"),
    "facts": Commit("game.daily_*", "build <table> <day>", "after_built_through", "after_build:<table>"),
}
# Kill points that lie between two commits at a step which commits nothing, and the model's step there.
READ_POINTS = {
    "after_candidates": "stage",
    "after_stage": "stage",
    "before_audit": "stage",
    "before_register": "back>publish",
    "during_register": "back>publish",
}

# One slot for each transaction app of each table; a decision and an abandonment share theirs.
SLOTS = ("plan", "raw", "decide", *(f"game:{t}" for t in TABLES), "quarantine", "actions", "done", "loss", "facts")
SLOT = {**{name: i for i, name in enumerate(SLOTS)}, "abandon": SLOTS.index("decide")}
RAW, PLAN, DECIDE, DONE, LOSS, FACTS = (SLOT[n] for n in ("raw", "plan", "decide", "done", "loss", "facts"))

Arrival = tuple[int, int]  # batch, message: a row of raw
Row = tuple[int, int, int]  # message, batch, entry: a row of a game table
Bad = tuple[int, int, int, str]  # the same and the reason (rule, audit, reused): a row of quarantine
ABANDONED = "abandoned"


class Decision(NamedTuple):
    """What one attempt staged. Rows of `game` are published; only the tables in `swaps` are replaced by a rebuild."""

    verdict: str  # passed, failed, waived, or abandoned
    contracts: int = 0
    game: tuple[Row, ...] = ()
    bad: tuple[Bad, ...] = ()
    actions: tuple[tuple[int, int, str], ...] = ()  # message, entry, action
    swaps: tuple[int, ...] = ()
    erased: tuple[int, ...] = ()  # messages that an erase deletes
    counted: tuple[int, ...] = ()  # messages of the batch, of an ingest
    why: str = ""  # of an abandonment
    blamed: tuple[int, ...] = ()  # messages that made the audit of an abandoned rebuild fail
    order: int = 0  # in which an attempt commits to the tables: the number of the permutation; 0 in the ledger


class Entry(NamedTuple):
    """An entry: its kind, and the plan of it.

    I ingest (from, until); P replay, W replay with a waiver, X discard: (through,); R rebuild (day, through, tables);
    E erase (player, through, offsets below which all of the player must go).
    """

    kind: str
    plan: tuple[Any, ...]
    decisions: tuple[Decision, ...] = ()  # in commit order; a second one is a violation
    dones: tuple[tuple[int, ...], ...] = ()  # counts read back

    @property
    def decision(self) -> Decision | None:
        return self.decisions[-1] if self.decisions else None

    @property
    def closed(self) -> bool:
        return bool(self.dones) or (bool(self.decisions) and self.decisions[-1].verdict == ABANDONED)

    @property
    def effective(self) -> bool:
        """Decided and not abandoned."""
        return bool(self.decisions) and self.decisions[-1].verdict != ABANDONED


class State(NamedTuple):
    """All that runs share: the tables, the stored transaction versions, and where Kafka's logs begin."""

    entries: tuple[Entry, ...]
    versions: tuple[int, ...]
    raw: tuple[Arrival, ...]
    game: tuple[Row, ...]
    quarantine: tuple[Bad, ...]
    actions: tuple[tuple[int, int, str], ...]
    lost: tuple[int, ...]  # messages in recorded losses
    heads: tuple[int, ...]
    fact: tuple[Any, ...]  # built_through, messages counted
    late: tuple[Any, ...]  # entry, table: a table that an entry changed after it was closed


class Local(NamedTuple):
    """One run: its next step and what it remembers. `began` is the version it saw when its commit began (fine mode)."""

    kind: str
    step: str
    entry: Any = None
    data: Any = None
    began: int | None = None


# The first step of each kind of run. I: ingest (drain, publish). S: rebuild of the first table only. U: rollup.
# L: accept-loss. K: Kafka's retention. The others: see Entry.
START = {
    "I": "look",
    "P": "begin",
    "W": "begin",
    "X": "begin",
    "R": "begin",
    "S": "begin",
    "E": "ask",
    "U": "build",
    "L": "find",
    "K": "expire",
}


def initial(scenario: Scenario) -> State:
    return State((), (0,) * len(SLOTS), (), (), (), (), (), (0,) * len(scenario.ends), (), ())


def commit_of(step: str) -> str | None:
    """The commit that a step makes, None for a step that only reads; `raw>stage` is commit `raw` with staging next."""
    name = step.partition(">")[0]
    return name if name in COMMITS else None
