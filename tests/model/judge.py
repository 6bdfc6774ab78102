"""Judge: what an attempt would decide for an entry, as a pure function of the tables it read."""

from __future__ import annotations

from tests.model.state import ABANDONED, TABLES, Arrival, Bad, Decision, Row, Scenario, State

Sentences = frozenset[str]


def order(scenario: Scenario, row: Arrival) -> tuple[int, int, int]:
    """The order of arrival of a row (batch, message) of raw."""
    message = scenario.messages[row[1]]
    return row[0], message.part, message.off


def open_rows(state: State, without: Sentences = frozenset()) -> tuple[Bad, ...]:
    """The rows of quarantine that no action closed."""
    if "earlier_only" in without:
        closed = {a[0] for a in state.actions}
        return tuple(r for r in state.quarantine if r[0] not in closed)
    return tuple(r for r in state.quarantine if not any(a[0] == r[0] and a[1] > r[2] for a in state.actions))


def discarded(state: State) -> set[int]:
    return {m for m, _, action in state.actions if action == "discarded"}


def in_range(scenario: Scenario, plan: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    start, until = plan
    return tuple(i for i, m in enumerate(scenario.messages) if start[m.part] <= m.off < until[m.part])


def below(scenario: Scenario, player: str, offsets: tuple[int, ...]) -> set[int]:
    """The player's messages below the offsets."""
    return {i for i, m in enumerate(scenario.messages) if m.player == player and m.off < offsets[m.part]}


def first_arrival(
    scenario: Scenario, row: Arrival, raw: tuple[Arrival, ...], without: Sentences, kind: str
) -> int | None:
    """The message that brought the row's event id before it, None if the row is the first."""
    me = scenario.messages[row[1]]
    earlier = [
        o
        for o in raw
        if scenario.messages[o[1]].event == me.event
        and order(scenario, o) < order(scenario, row)
        and not ("later_days" in without and kind == "I" and scenario.messages[o[1]].day > me.day)
        and not ("all_batches" in without and o[0] != row[0])
    ]
    return min(earlier, key=lambda o: order(scenario, o))[1] if earlier else None


def is_duplicate(scenario: Scenario, row: Arrival, raw: tuple[Arrival, ...]) -> bool:
    """The same event of the same player came before."""
    first = first_arrival(scenario, row, raw, frozenset(), "")
    return first is not None and scenario.messages[first].player == scenario.messages[row[1]].player


def balance_off(scenario: Scenario, state: State, entry: int, without: Sentences) -> bool:
    """A planned offset is neither in raw nor recorded lost."""
    planned = in_range(scenario, state.entries[entry - 1].plan)
    there = {m for b, m in state.raw if b == entry}
    if "loss_or_raw" in without:  # the sums must agree, as if no zombie could append what was given up
        return len(there) != len(set(planned) - set(state.lost))
    return bool(set(planned) - there - set(state.lost))


def stage(scenario: Scenario, state: State, entry: int, contracts: int, without: Sentences) -> Decision:
    """What an attempt holding this contract set decides for the entry, from the tables as they are."""
    kind, plan = state.entries[entry - 1][:2]
    if kind == "E":
        player, through, _ = plan
        return Decision(
            "passed",
            erased=tuple(sorted(m for b, m in state.raw if b <= through and scenario.messages[m].player == player)),
        )
    if kind == "R":
        return _stage_rebuild(scenario, state, entry, contracts, without)
    raw, taken = state.raw, set()
    if kind == "I":
        rows = [r for r in raw if r[0] == entry]
    else:
        source = state.quarantine if "recheck" in without else open_rows(state, without)
        taken = {r[0] for r in source if r[2] <= plan[0]}
        if kind == "X":
            return Decision("passed", actions=tuple((m, entry, "discarded") for m in sorted(taken)))
        rows = [r for r in raw if r[1] in taken]
    good, bad = _judge(scenario, state, entry, rows, contracts, without)
    culprits = _culprits(scenario, good, contracts)
    too_many = len(culprits) > scenario.limit and (kind == "I" or "replay_not_held" in without)
    held = too_many or not all(scenario.messages[m].sound >> contracts & 1 for m, _, _ in good)
    verdict = "passed"
    if kind == "W" and (held or culprits):
        verdict = "waived"
    elif held:
        verdict, good, bad = "failed", [], sorted(bad + [(*r, "audit") for r in good])
    else:
        good, bad = _refuse(good, bad, culprits, without)
    published = {r[0] for r in good}
    done_to = taken if "act_all" not in without else taken & {r[0] for r in good}
    waived = published if "waived_published" not in without else taken
    acts = tuple((m, entry, "waived" if verdict == "waived" and m in waived else "replayed") for m in sorted(done_to))
    return Decision(
        verdict, contracts, tuple(good), tuple(bad), acts, counted=tuple(r[1] for r in raw if r[0] == entry)
    )


def _judge(
    scenario: Scenario, state: State, entry: int, rows: list[Arrival], contracts: int, without: Sentences
) -> tuple[list[Row], list[Bad]]:
    """Good and bad rows; duplicates and suppressed messages are neither."""
    good: list[Row] = []
    bad: list[Bad] = []
    hidden = suppressed(scenario, state, entry, without)
    for batch, m in rows:
        if m in hidden:
            continue
        first = first_arrival(scenario, (batch, m), state.raw, without, state.entries[entry - 1].kind)
        if first is not None and scenario.messages[first].player == scenario.messages[m].player:
            continue
        if first is not None:
            bad.append((m, batch, entry, "reused"))
        elif scenario.messages[m].valid >> contracts & 1:
            good.append((m, batch, entry))
        else:
            bad.append((m, batch, entry, "rule"))
    return good, bad


def _culprits(scenario: Scenario, good: list[Row], contracts: int) -> list[Row]:
    """Good rows that break a rule of rows."""
    return [r for r in good if not scenario.messages[r[0]].clean >> contracts & 1]


def _refuse(good: list[Row], bad: list[Bad], culprits: list[Row], without: Sentences) -> tuple[list[Row], list[Bad]]:
    """Culprits go to quarantine; nothing happens to the others."""
    if not culprits or "refused" in without:
        return good, bad
    if "only_culprits" in without:
        culprits = good
    others = [r for r in good if r not in culprits]
    refused = [] if "refused_kept" in without else [(*r, "audit") for r in culprits]
    return [] if "others_published" in without else others, sorted(bad + refused)


def suppressed(scenario: Scenario, state: State, entry: int, without: Sentences) -> set[int]:
    """Messages that an earlier erase covers."""
    if "suppression" in without:
        return set()
    erases = [e for e in state.entries[: entry - 1] if e.kind == "E" and e.effective]
    return set().union(*(below(scenario, e.plan[0], e.plan[2]) for e in erases))


def erased_before(state: State, entry: int) -> set[int]:
    return {m for e in state.entries[: entry - 1] if e.kind == "E" and e.effective for m in e.decisions[-1].erased}


def _stage_rebuild(scenario: Scenario, state: State, entry: int, contracts: int, without: Sentences) -> Decision:
    day, through, tables = state.entries[entry - 1].plan
    others = set(range(len(TABLES))) - set(tables)

    def inside(batch: int, m: int) -> bool:
        return scenario.messages[m].day == day and (batch <= through or "rebuild_bound" in without)

    if _raw_is_off(scenario, state, entry, without):
        return Decision(ABANDONED, why="balance")

    opened = [r for r in open_rows(state, without) if inside(r[1], r[0])]
    alone = set() if "discards_left" in without else discarded(state)
    kept = {reason for reason in ("audit", "reused") if f"{reason}_left" not in without}
    alone |= {r[0] for r in opened if r[3] in kept}
    taken = {r[0] for r in opened} - alone
    rows = [r for r in state.raw if inside(*r) and r[1] not in alone]
    if "some_tables" not in without:
        taken = {m for m in taken if scenario.messages[m].table not in others}
        rows = [r for r in rows if scenario.messages[r[1]].table not in others]
    good, bad = _judge(scenario, state, entry, rows, contracts, without)
    exempt = set() if "waiver_kept" in without else _waived(state, without)
    accepted = set() if "waiver_of_rows" in without else exempt
    culprits = [r for r in _culprits(scenario, good, contracts) if r[0] not in accepted]
    judged = good
    if len(culprits) <= scenario.limit:
        good, bad = _refuse(good, bad, culprits, without)

    now = {r[0] for r in state.game if inside(r[1], r[0]) and scenario.messages[r[0]].table not in others}
    after = {r[0] for r in good}
    if "same_is_nothing" not in without and now == after and taken == {r[0] for r in bad}:
        return Decision("passed", contracts)

    blamed = tuple(r[0] for r in judged if r[0] not in exempt and not scenario.messages[r[0]].sound >> contracts & 1)
    if len(culprits) > scenario.limit:
        blamed += tuple(r[0] for r in culprits)
    verdict = "passed"
    if blamed:
        if "failed_rebuild" not in without:
            return Decision(ABANDONED, why="audit", blamed=blamed)
        verdict, good, bad, after = "failed", [], sorted(bad + [(*r, "audit") for r in good]), set()
    swaps = tuple(t for t in range(len(TABLES)) if any(scenario.messages[m].table == t for m in now ^ after))
    if "same_is_nothing" in without:
        swaps = tuple(range(len(TABLES)))
    good = [r for r in good if scenario.messages[r[0]].table in swaps]
    done_to = taken if "act_all" not in without else taken & after
    acts = tuple((m, entry, "rebuilt") for m in sorted(done_to))
    return Decision(verdict, contracts, tuple(good), tuple(bad), acts, swaps)


def _raw_is_off(scenario: Scenario, state: State, entry: int, without: Sentences) -> bool:
    """Raw rows of the day, plus what was erased of it, are not what the ingests counted.

    It compares all batches below the rebuild's own entry: those are closed, and so are the erases. An erase's counts
    know partition and day, not the batch, so they cannot be compared with batches up to the rebuild's bound only.
    """
    day: int
    through: int
    day, through, _ = state.entries[entry - 1].plan
    bound = through if "counts_below" in without else entry - 1
    ingests = [e.decisions[-1].counted for e in state.entries[:bound] if e.kind == "I" and e.effective]
    counted = sum(scenario.messages[m].day == day for batch in ingests for m in batch)
    here = sum(scenario.messages[m].day == day and b <= bound for b, m in state.raw)
    if "erased_counted" in without:
        return here != counted
    return here + sum(scenario.messages[m].day == day for m in erased_before(state, entry)) != counted


def _waived(state: State, without: Sentences) -> set[int]:
    """Messages that were published under a waiver: the actions say so for ever, the row's entry_id only once."""
    if "waiver_by_action" in without:
        return {r[0] for r in state.game if state.entries[r[2] - 1].decisions[-1].verdict == "waived"}
    return {m for m, _, action in state.actions if action == "waived"}
