"""The named routes: their texts byte for byte, the events they log, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.unit.api.conftest import Broker

ROUTES: list[tuple[str, str, str, str, dict[str, Any]]] = [
    ("GET", "/", "This is the default response!\n", "default", {}),
    (
        "GET",
        "/purchase_a_sword",
        "Wood Sword Purchased!\n",
        "purchase_sword",
        {"direction": "increase", "event_detail": "wood"},
    ),
    (
        "GET",
        "/purchase_a_sword?event_detail=test_sword_1",
        "Test_Sword_1 Sword Purchased!\n",
        "purchase_sword",
        {"direction": "increase", "event_detail": "test_sword_1"},
    ),
    (
        "DELETE",
        "/purchase_a_sword",
        "Wood Sword Destroyed!\n",
        "purchase_sword",
        {"direction": "reduce", "event_detail": "wood"},
    ),
    (
        "GET",
        "/join_guild",
        "Joined Guild Starter Guild\n",
        "guild_action",
        {"action": "join", "guild": "starter guild"},
    ),
    (
        "GET",
        "/join_guild?event_detail=PVP-Friends",
        "Joined Guild Pvp-Friends\n",
        "guild_action",
        {"action": "join", "guild": "PVP-Friends"},
    ),
    (
        "DELETE",
        "/join_guild",
        "Left Guild Starter Guild\n",
        "guild_action",
        {"action": "leave", "guild": "starter guild"},
    ),
    ("GET", "/join_a_guild", "Guild Joined!\n", "guild_action", {"action": "join"}),
    (
        "POST",
        "/purchase_a_sword/RED/2",
        "Sword Purchased!\n",
        "purchase_sword",
        {"direction": "increase", "color": "red", "quantity": 2},
    ),
    (
        "POST",
        "/purchase_a_horse/1.5/Small/3",
        "Horse Purchased!\n",
        "purchase_horse",
        {"speed": 1.5, "size": "small", "quantity": 3},
    ),
    ("POST", "/guild/JOIN", "Guild Joined!\n", "guild_action", {"action": "join"}),
    ("POST", "/guild/leave", "Guild Left!\n", "guild_action", {"action": "leave"}),
    ("GET", "/request_group", "Request Submitted!\n", "request_group", {}),
    ("GET", "/accept_member?member=Player%202", "Member Approved!\n", "accept_member", {"member": "Player 2"}),
    ("GET", "/decline_member", "Member Declined!\n", "decline_member", {}),
    ("GET", "/message?text=Hello&group=a", "Message sent!\n", "message", {"group": "a", "text": "Hello"}),
]


@pytest.mark.parametrize(("method", "path", "text", "event_type", "fields"), ROUTES)
def test_a_route_logs_its_event_and_answers_its_text(
    client: FlaskClient, broker: Broker, method: str, path: str, text: str, event_type: str, fields: dict[str, Any]
) -> None:
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.data) == (200, text.encode())
    assert answer.content_type == "text/plain; charset=utf-8"
    [event] = broker.events
    envelope = (
        "event_id",
        "event_type",
        "schema_version",
        "received_at",
        "player",
        "host",
        "user_agent",
        "http_headers",
    )
    assert event["event_type"] == event_type
    assert {name: value for name, value in event.items() if name not in envelope} == fields
    [(topic, key, _)] = broker.messages
    social = event_type in ("request_group", "accept_member", "decline_member", "message")
    assert (topic, key) == ("MessageHistory" if social else "events", b"Player 1")


ITEMS = [{"item_type": "sword", "item": "wood", "quantity": 2}]


@pytest.mark.parametrize(
    ("action", "text"), [("add", "Cart Updated!\n"), ("Remove", "Cart Updated!\n"), ("CHECKOUT", "Checked Out!\n")]
)
def test_the_cart_takes_items_from_the_body(client: FlaskClient, broker: Broker, action: str, text: str) -> None:
    answer = client.post(f"/cart/{action}", json={"items": ITEMS})
    assert (answer.status_code, answer.text) == (200, text)
    assert (broker.events[0]["action"], broker.events[0]["items"]) == (action.lower(), ITEMS)


@pytest.mark.parametrize(
    ("path", "field", "rule"),
    [
        ("/purchase_a_horse/1/huge/1", "size", "enum"),
        ("/purchase_a_horse/fast/small/1", "speed", "type"),
        ("/purchase_a_horse/nan/small/1", "speed", "type"),
        ("/purchase_a_horse/inf/small/1", "speed", "type"),
        ("/purchase_a_horse/1e999/small/1", "speed", "type"),
        ("/purchase_a_horse/-1/small/1", "speed", "minimum"),
        ("/purchase_a_horse/1_0/small/1", "speed", "type"),
        ("/purchase_a_horse/1/small/1.5", "quantity", "type"),
        ("/purchase_a_horse/1/small/-1", "quantity", "minimum"),
        ("/purchase_a_sword/red/x", "quantity", "type"),
        ("/purchase_a_sword/red/%D9%A3", "quantity", "type"),
        ("/purchase_a_sword/red/9223372036854775808", "quantity", "type"),
        ("/purchase_a_sword/red/-1", "quantity", "minimum"),
        ("/guild/burn", "action", "enum"),
        ("/cart/steal", "action", "enum"),
        ("/cart/add", "items", "required"),
    ],
)
def test_an_invalid_event_is_refused_by_field_and_rule_and_not_logged(
    client: FlaskClient, broker: Broker, path: str, field: str, rule: str
) -> None:
    answer = client.post(path)
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    problem = answer.get_json(force=True)
    assert (problem["field"], problem["rule"], problem["status"]) == (field, rule, 400)
    assert field in problem["detail"]
    assert broker.messages == []


@pytest.mark.parametrize(
    "body", [{"items": "all"}, {"items": ITEMS, "player": "somebody else"}, {"items": ITEMS, "event_id": "x"}]
)
def test_the_cart_refuses_a_wrong_body(client: FlaskClient, broker: Broker, body: dict[str, Any]) -> None:
    assert client.post("/cart/add", json=body).status_code == 400
    assert broker.messages == []


@pytest.mark.parametrize(("levels", "field"), [(62, "items"), (900, "items"), (3_000, "")])
def test_the_cart_refuses_more_than_64_levels(client: FlaskClient, broker: Broker, levels: int, field: str) -> None:
    item = '{"item_type": "a", "item": "b", "quantity": 1, "x": ' + '{"a":' * levels + "1" + "}" * levels + "}"
    answer = client.post("/cart/add", data=f'{{"items": [{item}]}}', content_type="application/json")
    problem = answer.get_json(force=True)
    assert (answer.status_code, problem["field"], problem["rule"]) == (400, field, "max_depth")
    assert "64" in problem["detail"]
    assert broker.messages == []


def test_the_path_of_the_cart_wins_over_its_body(client: FlaskClient, broker: Broker) -> None:
    client.post("/cart/add", json={"items": ITEMS, "action": "checkout", "event_type": "default"})
    assert (broker.events[0]["event_type"], broker.events[0]["action"]) == ("cart_action", "add")


@pytest.mark.parametrize("path", ["/", "/purchase_a_sword", "/message"])
def test_head_logs_nothing(client: FlaskClient, broker: Broker, path: str) -> None:
    assert client.head(path).status_code == 405
    assert broker.messages == []


def test_the_envelope_says_who_sent_it(client: FlaskClient, broker: Broker) -> None:
    headers = {
        "User-Agent": "ab",
        "Accept": "*/*",
        "CACHE-control": "no-cache",
        "Cookie": "s=1",
        "Authorization": "Basic x",
    }
    client.get("/", headers=headers | {"Proxy-Authorization": "y"})
    [event] = broker.events
    event_id = event.pop("event_id")
    assert event_id[14] == "7"
    assert event == {
        "event_type": "default",
        "schema_version": 1,
        "received_at": "2026-11-22T10:00:00.000123Z",
        "player": "Player 1",
        "host": "Player 1",
        "user_agent": "ab",
        "accept": "*/*",
        "http_headers": {"Cache-Control": "no-cache"},
    }


def test_every_event_has_an_id_of_its_own(client: FlaskClient, broker: Broker) -> None:
    for _ in range(50):
        client.get("/")
    assert len({event["event_id"] for event in broker.events}) == 50


def test_the_player_header_names_the_player_and_the_key(client: FlaskClient, broker: Broker) -> None:
    client.get("/", headers={"X-Player-Id": "p-9"})
    assert (broker.events[0]["player"], broker.events[0]["host"], broker.messages[0][1]) == ("p-9", "Player 1", b"p-9")


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("user1.comcast.com", "user1.comcast.com"),
        ("a:b:c", "a:b:c"),
        ("[::1", "[::1"),
        ("/?#@", "/?#@"),
        ("Ã¤", "ä"),
        ("ÿ", "ÿ"),
    ],
)
def test_a_host_is_taken_as_it_is(client: FlaskClient, broker: Broker, sent: str, read: str) -> None:
    """WSGI gives bytes as Latin-1, here as the server would."""
    assert client.get("/", environ_overrides={"HTTP_HOST": sent}).status_code == 200
    assert broker.events[0]["host"] == read
    assert broker.messages[0][1] == read.encode()


def test_a_request_of_nobody_is_refused(client: FlaskClient, broker: Broker) -> None:
    answer = client.get("/", environ_overrides={"HTTP_HOST": ""})
    assert (answer.status_code, answer.get_json(force=True)["field"]) == (400, "player")
    assert broker.messages == []


@pytest.mark.parametrize("answer", ["silent", "refuses", "raises"])
def test_no_acknowledgement_no_success(client: FlaskClient, broker: Broker, answer: str) -> None:
    broker.answers["events"] = answer
    response = client.get("/purchase_a_sword")
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.content_type == "application/problem+json"
    assert b"Purchased" not in response.data


def test_an_event_that_is_too_large_is_refused(client: FlaskClient, broker: Broker) -> None:
    answer = client.get("/purchase_a_sword?event_detail=" + "a" * 3000)
    assert answer.status_code == 413
    assert broker.messages == []
