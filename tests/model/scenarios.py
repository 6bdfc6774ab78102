"""Scenarios: small sets of messages, each with a trap, and the configurations that are explored."""

from __future__ import annotations

from tests.model.state import BOTH, ONLY_C1, Message, Scenario


def message(
    name: str,
    part: int = 0,
    *,
    day: int = 0,
    event: str = "",
    table: int = 0,
    player: str = "x",
    valid: int = BOTH,
    sound: int = BOTH,
    clean: int = BOTH,
) -> Message:
    """A message; its offset is given when a scenario takes it. `sound`: does not make the audit fail."""
    return Message(name, part, 0, day, event or name, table, player, valid, sound, clean)


def scenario(name: str, *messages: Message) -> Scenario:
    """Numbers the messages per partition in the order given."""
    ends = [0] * (max(m.part for m in messages) + 1)
    placed = []
    for each in messages:
        placed.append(each._replace(off=ends[each.part]))
        ends[each.part] += 1
    return Scenario(name, tuple(placed), tuple(ends))


ONE = scenario("q fails c0", message("q", valid=ONLY_C1))
TWO = scenario("q fails c0, v is good, one table", message("q", valid=ONLY_C1), message("v"))
TABLES2 = scenario("q fails c0; v in the other table", message("q", valid=ONLY_C1), message("v", table=1))
BOTH_BAD = scenario(
    "two tables, a message each that fails c0", message("p", valid=ONLY_C1), message("q", valid=ONLY_C1, table=1)
)
PAIR = scenario("a1, a2 one event, two partitions", message("a1", event="a"), message("a2", 1, event="a"))
LATE = scenario("a2 arrives later for an earlier day", message("a1", event="a", day=1), message("a2", 1, event="a"))
AUDIT1 = scenario("z fails the audit of c0", message("z", sound=ONLY_C1))
AUDIT2 = scenario("z fails the audit of c0, v is good", message("v"), message("z", 1, sound=ONLY_C1))
WAIVED_BAD = scenario(
    "z fails the audit of c0, y every audit and the contract of c0",
    message("z", sound=ONLY_C1),
    message("y", valid=ONLY_C1, sound=0),
)
WAIVED = scenario("z fails every audit, q fails c0", message("z", sound=0), message("q", valid=ONLY_C1))
WAIVED_C0 = scenario("z fails the audit of c0, q fails c0", message("z", sound=ONLY_C1), message("q", valid=ONLY_C1))
AUDIT3 = scenario(
    "v is good, z fails the audit of c0, q fails c0",
    message("v"), message("z", sound=ONLY_C1), message("q", valid=ONLY_C1),
)  # fmt: skip
REFUSE = scenario("z breaks a rule of rows of c0, v is good", message("v"), message("z", clean=ONLY_C1))
GIFT = scenario("z breaks every rule of rows, q fails c0", message("z", clean=0), message("q", valid=ONLY_C1))
CROWD = scenario(
    "y and z break a rule of rows of c0, which are too many; v is good",
    message("v"), message("y", table=1, clean=ONLY_C1), message("z", clean=ONLY_C1),
)  # fmt: skip
BOTH_RULES = scenario(
    "y breaks a rule of rows of c0, z fails the audit of c0, v is good",
    message("v"), message("y", clean=ONLY_C1), message("z", sound=ONLY_C1),
)  # fmt: skip
PLAYERS = scenario("x and y play, both good", message("v"), message("w", player="y", table=1))
PLAYER_BAD = scenario("two of x, q fails c0", message("q", valid=ONLY_C1), message("v", table=1))
PLAYER_TWIN = scenario("a1 and a2 of x are one event", message("a1", event="a"), message("a2", 1, event="a"))
REUSED = scenario("y uses the event id of x", message("a1", event="a"), message("a2", event="a", player="y"))
CROSS = scenario(
    "a1, a2 one event on two days, q fails c0",
    message("a1", event="a"), message("q", valid=ONLY_C1, table=1), message("a2", 1, day=1, event="a"),
)  # fmt: skip
TWIN_BAD = scenario(
    "a1, a2 one event that fails c0, v between",
    message("a1", event="a", valid=ONLY_C1), message("v", table=1), message("a2", 1, event="a", valid=ONLY_C1),
)  # fmt: skip

# What `quick` explores: every kind of run with every trap, in pairs and small threes (runs: see state.START).
QUICK: tuple[tuple[str, str], ...] = tuple(
    (name, runs)
    for names, many in (
        ("ONE TWO TABLES2 PAIR LATE", "III IIP IIR"),
        ("ONE TABLES2 PAIR", "IPR IRR IXR"),
        ("ONE AUDIT1", "IPP IPX IWR IPU IRU"),
        ("CROSS TWIN_BAD REUSED", "II IP IR"),
        ("WAIVED WAIVED_C0 WAIVED_BAD AUDIT2", "IWR"),
        ("AUDIT3", "IIR"),
        ("REFUSE", "II IP IW IR IX IE IPR IWR"),
        ("GIFT", "IP IW IR IWR"),
        ("CROWD BOTH_RULES", "II IP IW IR IPP"),
        ("BOTH_BAD", "ISP ISR"),
        ("ONE TWO PLAYERS PLAYER_BAD PLAYER_TWIN REUSED", "IE"),
        ("ONE PLAYERS PLAYER_TWIN", "IIE"),
        ("ONE", "IEE IEU IEX IER IKLE"),
        ("ONE TWO", "IKL IIKL IKLL IKLP IKLR"),
        ("TABLES2", "IIKL"),
    )
    for name in names.split()
    for runs in many.split()
)
# Commits in two steps, no reduction.
QUICK_FINE = (
    ("ONE", "II"),
    ("ONE", "IP"),
    ("ONE", "IR"),
    ("ONE", "IE"),
    ("ONE", "IKL"),
    ("TWO", "IR"),
    ("TABLES2", "II"),
)

FULL: tuple[tuple[str, str], ...] = tuple(
    (name, runs)
    for names, many in (
        ("TWO LATE", "IPR IRR IXR IIX"),
        ("TWO PLAYER_BAD REUSED", "IIE"),
        ("PLAYERS", "IEU"),
        ("ONE TWO TABLES2 PAIR AUDIT1", "IIII IIIP IIIR IIPR IPPR IPRR IIXR IIPX"),
        ("CROSS LATE TWIN_BAD", "III IIP IIR IPR"),
        ("WAIVED WAIVED_C0", "IWRR IWPR"),
        ("AUDIT2 WAIVED_BAD", "IWPR IIWR"),
        ("AUDIT3", "IIPR"),
        ("REFUSE", "III IIP IIR IPRR IPPR IIWR IWPR IPX IEP IER"),
        ("GIFT", "IWRR IWPR IIWR"),
        ("CROWD BOTH_RULES", "IIP IIR IPR IPW IWR IPPR"),
        ("BOTH_BAD", "IISR IISP"),
        ("ONE TWO PLAYERS PLAYER_BAD PLAYER_TWIN REUSED", "IEP IER IEW"),
        ("PLAYERS PLAYER_TWIN", "IEE IEX"),
        ("TWO", "IIER"),
        ("ONE", "IPRX IPRXW IIEPR"),
        ("ONE TWO TABLES2", "IIKLL IKLE IIKLP IIKLR"),
        ("TABLES2 AUDIT1", "IIPU IIRU IEU"),
    )
    for name in names.split()
    for runs in many.split()
)
FULL_FINE = (
    ("ONE", "IIR"),
    ("ONE", "IIP"),
    ("ONE", "IPR"),
    ("ONE", "IIE"),
    ("ONE", "IKLL"),
    ("TWO", "III"),
    ("PLAYERS", "IE"),
)
