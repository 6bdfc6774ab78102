"""Invariants: what must hold in every state, and what must hold as soon as all entries are closed."""

from __future__ import annotations

from tests.model import judge
from tests.model.protocol import Protocol
from tests.model.state import ABANDONED, Bad, Entry, State


def always(protocol: Protocol, state: State) -> str | None:
    """The first thing that is wrong in this state, None if nothing is."""
    return _tables(protocol, state) or _ledger(protocol, state)


def _tables(protocol: Protocol, state: State) -> str | None:
    messages = protocol.scenario.messages
    if state.late:
        return f"{state.late[1]} of entry {state.late[0]} changed a table after the entry was closed"
    events = [messages[r[0]].event for r in state.game]
    if len(events) != len(set(events)):
        return "an event id is twice in the game tables"
    in_raw = {m for _, m in state.raw}
    if len(in_raw) != len(state.raw):
        return "a message is twice in raw"
    for m, _, number in state.game:
        if m not in in_raw:
            return f"{messages[m].name} is in a game table and cannot be rebuilt: raw lacks it"
        decision = state.entries[number - 1].decisions[-1]
        if not messages[m].valid >> decision.contracts & 1:
            return f"{messages[m].name} is in a game table against its contract"
        right = messages[m].sound & messages[m].clean
        if not right >> decision.contracts & 1 and not _has_waiver(state, m):
            return f"{messages[m].name} is in a game table without audit or waiver"
    if any(r[0] not in in_raw for r in state.quarantine):
        return "a message is in quarantine and not in raw"
    if protocol.expired(state, state.lost) != state.lost:
        return "a loss is recorded for messages that Kafka still has"
    for entry in state.entries:
        if entry.kind == "E" and entry.dones:
            back = judge.below(protocol.scenario, entry.plan[0], entry.plan[2])
            if back & (in_raw | {r[0] for r in state.game + state.quarantine}):
                return "an erased player is still, or again, in a table"
    return None


def _has_waiver(state: State, message: int) -> bool:
    return any(
        d.verdict == "waived" and any(r[0] == message for r in d.game) for e in state.entries for d in e.decisions
    )


def _ledger(protocol: Protocol, state: State) -> str | None:
    previous = (0,) * len(protocol.scenario.ends)
    last_done = max((i for i, e in enumerate(state.entries, 1) if e.dones), default=0)
    for number, entry in enumerate(state.entries, 1):
        if entry.kind == "I":
            if entry.plan[0] != previous:
                return f"ingest {number} starts at {entry.plan[0]}, the one before ended at {previous}"
            previous = entry.plan[1]
        if len(entry.decisions) > 1:
            return f"entry {number} is decided twice"
        if not entry.closed and number < last_done:
            return f"entry {number} is open behind a done one"
        decision = entry.decision
        if decision is None:
            continue
        want = (0,) if entry.kind == "E" else (len(decision.game), len(decision.bad))
        if entry.dones and any(counts != want for counts in entry.dones):
            return f"entry {number} counted {entry.dones}, decided was {want}"
        if entry.kind == "I" and decision.verdict == ABANDONED:
            return f"ingest {number} is abandoned"
        wrong = _hostage(protocol, number, entry)
        if not wrong and entry.kind == "R":
            wrong = _rebuild(protocol, state, number, entry)
        if wrong:
            return wrong
    return None


def _hostage(protocol: Protocol, number: int, entry: Entry) -> str | None:
    """A message that an audit holds although neither it nor the batch as a whole is to blame."""
    decision, messages = entry.decisions[-1], protocol.scenario.messages
    audited = [messages[r[0]] for r in decision.bad if r[3] == "audit"]
    if decision.verdict == "passed":
        innocent = [m.name for m in audited if m.clean >> decision.contracts & 1]
        return f"entry {number} refuses {innocent}, which break no rule" if innocent else None
    if decision.verdict == "failed" and entry.kind == "P" and all(m.sound >> decision.contracts & 1 for m in audited):
        return f"replay {number} is held by rules of rows"
    return None


def _rebuild(protocol: Protocol, state: State, number: int, entry: Entry) -> str | None:
    decision, messages = entry.decisions[-1], protocol.scenario.messages
    if decision.why == "balance":
        return f"rebuild {number} refuses: raw + erased is not what the ledger counted"
    held = {m for m, e, action in state.actions if action == "waived" and e < number}
    held |= {r[0] for r in state.quarantine if r[2] < number and r[3] == "audit" and _was_open(state, r, number)}
    if held & set(decision.blamed):
        return f"rebuild {number} fails its audit by {[messages[m].name for m in held & set(decision.blamed)]}"
    if decision.verdict == ABANDONED:
        return None
    before = [e for e in state.entries[: number - 1] if e.effective]
    published = {r[0] for r in decision.game}
    for m in {r[0] for r in decision.game + decision.bad}:
        placed = [e.decisions[-1] for e in before if any(r[0] == m for r in e.decisions[-1].game + e.decisions[-1].bad)]
        same = placed and placed[-1].contracts == decision.contracts
        if same and any(r[0] == m for r in placed[-1].game) != (m in published):
            return f"rebuild {number} with the same contracts moved {messages[m].name}"
    if any(m in judge.discarded(state) for m in published):
        return f"rebuild {number} publishes a discarded message"
    last = before[-1] if before else None
    again = last if last is not None and (last.kind, last.plan[2:]) == ("R", entry.plan[2:]) else None
    changes = decision.game or decision.bad or decision.actions or decision.swaps
    if again is not None and changes and again.decisions[-1].contracts == decision.contracts:
        return f"rebuild {number} repeats a rebuild and changes something"
    return None


def _was_open(state: State, row: Bad, number: int) -> bool:
    return not any(a[0] == row[0] and row[2] < a[1] < number for a in state.actions)


def idle(protocol: Protocol, state: State) -> str | None:
    """All entries are closed: every message below the cursor is in exactly one place."""
    scenario = protocol.scenario
    cursor = protocol.cursor(state, protocol.newest_ingest(state))
    row_of = {r[1]: r for r in state.raw}
    opened = [r[0] for r in judge.open_rows(state, protocol.without)]
    published = [r[0] for r in state.game]
    discarded = judge.discarded(state)
    erased = judge.erased_before(state, len(state.entries) + 1)
    hidden = judge.suppressed(scenario, state, len(state.entries) + 1, protocol.without)
    for m, message in enumerate(scenario.messages):
        if message.off >= cursor[message.part]:
            continue
        gone = (m in erased) + (m in state.lost and m not in row_of and m not in erased)
        places = published.count(m) + opened.count(m) + (m in discarded and m not in erased) + gone
        if m not in row_of:
            if not gone:
                return f"{message.name} is below the cursor and nowhere: LOST"
            if places != 1:
                return f"{message.name} is in {places} places"
            continue
        duplicate = judge.is_duplicate(scenario, row_of[m], state.raw)
        if places == 1 and duplicate and any(scenario.messages[o].event == message.event for o in erased):
            continue  # it stood in quarantine as `reused` when the event's first arrival was erased
        if places != (0 if duplicate or m in hidden else 1):
            return f"{message.name} ({'duplicate' if duplicate else 'first arrival'}) is in {places} places"
    return _day(protocol, state)


def _day(protocol: Protocol, state: State) -> str | None:
    """The built day is right, or an entry after it makes another build start."""
    if not state.fact:
        return None
    messages, (through, built) = protocol.scenario.messages, state.fact
    for entry in state.entries[through:]:
        if entry.effective:
            changed = [*(r[0] for r in entry.decisions[-1].game), *entry.decisions[-1].erased]
            if entry.decisions[-1].swaps or any(messages[m].day == protocol.day for m in changed):
                return None
    now = tuple(sorted(r[0] for r in state.game if messages[r[0]].day == protocol.day))
    if now != built:
        return (
            f"the day is built through {through} with {built}, the tables have {now}, and nothing starts another build"
        )
    return None
