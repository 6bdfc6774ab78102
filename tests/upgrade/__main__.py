"""Makes the dumps of one commit: `python -m tests.upgrade COMMIT`, in a checkout of that commit. See README.md."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from kafka.admin import ConfigResource, ConfigResourceType

from lakehouse.clients.kafka import admin
from lakehouse.settings import CHECKOUT
from tests.real import Place, Real, event, new_event_id
from tests.upgrade import stack
from tests.upgrade.manifest import DISCARDED, DUPLICATE, ERASED, Message, as_place, as_text, check

BY = ("--who", "tester", "--why", "a test")
IMPOSSIBLE = 1_000_000_001  # the audit lets no batch pass with such a quantity
HELD = "quarantine:audit:quantity_possible"
CART = {"action": "checkout", "items": [{"item_type": "bow", "item": "long", "quantity": 4}]}


@dataclass
class Sent:
    """What was sent so far: for each message its state when the dump is made, and where it has to end."""

    real: Real
    messages: list[Message] = field(default_factory=list)

    def send(self, state: str, *messages: tuple[bytes | None, str], topic: str = "events") -> list[Place]:
        """Sends messages, spread over the partitions, each with the place where it has to end."""
        places = self.real.produce(*[value for value, _ in messages], topic=topic, spread=True)
        for place, (_, end) in zip(places, messages, strict=True):
            self.messages.append({"place": list(place), "state": state, "end": end})
        return places

    def ends(self, places: list[Place], end: str) -> None:
        """What was done to these messages since has changed where they end."""
        for each in self.messages:
            if as_place(each) in places:
                each["end"] = end

    def closed(self) -> None:
        """All that was sent is where it has to be."""
        for each in self.messages:
            each["state"] = "closed"
        check(self.real, self.messages)


def history(real: Real, sent: Sent) -> tuple[str, str]:
    """Closed entries of every kind. Returns the ids of an event that was published, and of one with quantity 1."""
    first, second = new_event_id(), new_event_id()
    sent.send(
        "closed",
        (event("default"), "default_events"),
        (event(color="red", quantity=3), "sword_purchases"),
        (event(event_id=first, event_detail="a sword of old"), "sword_purchases"),
        (event("purchase_horse", size="small", speed=1.5, quantity=2), "horse_purchases"),
        (event("guild_action", action="join", guild="Grüße"), "guild_actions"),
        (event("cart_action", **CART), "cart_actions"),
        (b"junk", "quarantine:not_json"),
        (b"[1, 2]", "quarantine:not_object"),
        (b"\xff\xfe\x00", "quarantine:not_utf8"),
        (None, "quarantine:no_value"),
        (b"x" * (1 << 18 | 1), "quarantine:too_large"),
        (b'{"event_type": "nobody_knows"}', "quarantine:unknown_type"),
        (event(quantity=-1), "quarantine:schema:quantity:minimum"),
        (event("purchase_horse", size="huge", speed=1, quantity=1), "quarantine:schema:size:enum"),
        (event("cart_action", action="checkout", items=[]), "quarantine:rule:checkout_lists_items"),
        (event(event_id="5"), "quarantine:event_id_invalid"),
    )
    sent.send(
        "closed",
        (event("message", text="hi", group="g"), "messages"),
        (event("request_group", group="g"), "group_requests"),
        (event("accept_member", group="g", member="m"), "member_acceptances"),
        (event("decline_member", group="g", member="m"), "member_declines"),
        (b"{", "quarantine:not_json"),
        topic="MessageHistory",
    )
    real.ingest()
    sent.closed()

    through_api(real, sent)
    same = event(event_id=second, quantity=1)
    sent.send("closed", (same, "sword_purchases"))
    real.ingest()
    sent.send("closed", (same, DUPLICATE), (event(event_id=second, quantity=2), "quarantine:event_id_reused"))
    real.ingest()
    sent.closed()

    sent.send("closed", (event(quantity=IMPOSSIBLE), HELD), (event(), HELD), (b"junk", "quarantine:not_json"))
    real.ingest()
    sent.closed()
    waived = sent.send("closed", (event("purchase_horse", size="small", speed=1, quantity=IMPOSSIBLE), HELD))
    real.ingest()
    sent.closed()
    real.run(
        "replay", selection(event_type="purchase_horse", reason="audit:quantity_possible"), *BY, "--waiver", "a gift"
    )
    sent.ends(waived, "horse_purchases")
    sent.closed()
    discarded = sent.send("closed", (b"junk to discard", "quarantine:not_json"), (event("default"), "default_events"))[
        :1
    ]
    real.ingest()
    real.run("discard", selection(reason="not_json", batch_id=newest(real)), *BY)
    sent.ends(discarded, DISCARDED)
    sent.closed()

    erased = sent.send(
        "closed",
        (event(player="Erica", quantity=2, color="red"), "sword_purchases"),
        (event(player="Erica", quantity=-1), "quarantine:schema:quantity:minimum"),
    )
    real.ingest()
    sent.closed()
    day = str(real.value("select max(event_date) from raw.events"))
    real.run("rollup", "--day", day)
    real.run("audit_day", "--day", day)
    real.run("erase", *BY, erase_player="Erica")
    sent.ends(erased, ERASED)
    real.run("rebuild", "--day", day, *BY)
    real.run("rollup", "--day", day)
    sent.closed()
    return first, second


def through_api(real: Real, sent: Sent) -> None:
    """Events as the API writes them, which readers know by their form."""
    bodies = [
        {"event_type": "purchase_sword", "color": "blue", "quantity": 2, "occurred_at": "2026-11-27T01:02:03.5+02:00"},
        {"event_type": "guild_action", "action": "leave", "guild": "g"},
        {"event_type": "cart_action", **CART, "mood": "an unknown field"},
    ]
    answer = requests.post(
        f"{real.settings.api_url}/v1/events", json=bodies, headers={"X-Player-Id": "Anna"}, timeout=30
    ).json()
    real.ingest()
    tables = ("sword_purchases", "guild_actions", "cart_actions")
    for item, table in zip(answer["items"], tables, strict=True):
        (row,) = real.query(
            f"select topic, partition, \"offset\" from raw.events where event_id = '{item['event_id']}'"
        )
        sent.messages.append({"place": list(row.values()), "state": "closed", "end": table})
    sent.closed()


def open_entries(real: Real, sent: Sent, held: bool, used: str) -> dict[str, Any]:
    """One entry decided but not done, one planned, and messages behind them. `used`: the id of a published event."""
    same = new_event_id()
    repeated = event(event_id=same, color="blue", quantity=7)
    sword, horse, default = (HELD,) * 3 if held else ("sword_purchases", "horse_purchases", "default_events")
    sent.send(
        "decided",
        (repeated, sword),
        (event("purchase_horse", size="large", speed=2, quantity=1), horse),
        (event("default", player="Erica"), default),  # who was erased and came back
        (b"junk", "quarantine:not_json"),
        (event(quantity="three"), "quarantine:schema:quantity:type"),
        *([(event(quantity=IMPOSSIBLE), HELD)] if held else []),
    )
    sent.send("decided", (event("message", text="hi"), HELD if held else "messages"), topic="MessageHistory")
    sent.send("decided", (repeated, DUPLICATE))
    real.run("drain")
    real.run_killed("publish", "after_decide")

    later = new_event_id()
    sent.send(
        "planned",
        (event(event_id=later, color="green"), "sword_purchases"),
        (event("guild_action", action="join", guild="g"), "guild_actions"),
        (repeated, DUPLICATE),
        (event(event_id=used, quantity=5), "quarantine:event_id_reused"),
        (b"", "quarantine:not_json"),
    )
    real.run_killed("drain", "after_plan")

    sent.send(
        "waiting",
        (event("cart_action", **CART), "cart_actions"),
        (event(event_id=later, color="green"), DUPLICATE),
        (b"[]", "quarantine:not_object"),
    )
    sent.send("waiting", (event("request_group", group="g"), "group_requests"), topic="MessageHistory")
    decided, planned = real.query(
        "select entry_id, status from ops.batches where status not in ('done', 'abandoned') order by entry_id"
    )
    assert (decided["status"], planned["status"]) == ("decided", "planned")
    (row,) = real.query(
        f"select attempt_id, verdict, staging from ops.ledger where entry_id = {decided['entry_id']} and step = 'decided'"
    )
    return {"decided": {"entry_id": decided["entry_id"], **row}, "planned": {"entry_id": planned["entry_id"]}}


def selection(**fields: object) -> str:
    return f"--selection={json.dumps(fields)}"


def newest(real: Real) -> int:
    return int(real.value("select max(entry_id) from ops.ledger"))


def keep_messages(real: Real) -> None:
    """A dump is restored years later: by then Kafka must not have deleted what waits in it."""
    with admin(real.settings) as client:
        for topic in real.contracts.topics:
            kept = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"retention.ms": "-1"})
            client.alter_configs([kept])


def write(real: Real, sent: Sent, folder: Path, name: str, entries: dict[str, Any]) -> None:
    stack.save(real.settings, folder / f"{name}.tar.xz")
    manifest = {**entries, "entries": newest(real), "messages": sent.messages}
    (folder / f"{name}.json").write_text(as_text(manifest))
    print(f"{name}: {(folder / f'{name}.tar.xz').stat().st_size} bytes, {len(sent.messages)} messages", flush=True)


def main(arguments: list[str]) -> int:
    """Makes both dumps. Returns 2 if no commit is named."""
    if len(arguments) != 1 or re.fullmatch(r"[0-9a-f]{7,40}", arguments[0]) is None:
        print("python -m tests.upgrade COMMIT: name the commit of this checkout, such as e23739f", file=sys.stderr)
        return 2
    folder = CHECKOUT / "tests" / "upgrade" / arguments[0]
    folder.mkdir(parents=True, exist_ok=True)
    settings = stack.settings_of()
    stack.empty(settings)
    try:
        stack.start(settings, stack.HDFS)
        stack.start(settings, stack.SERVERS)
        stack.prepare(settings)
        stack.start(settings, ["api"])
        real = Real(settings)
        keep_messages(real)
        sent = Sent(real)
        first, second = history(real, sent)
        write(real, sent, folder, "passed", open_entries(real, sent, held=False, used=first))
        real.ingest()  # finishes both, then takes what waits
        real.ingest()
        sent.closed()
        write(real, sent, folder, "held", open_entries(real, sent, held=True, used=second))
    finally:
        stack.empty(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
