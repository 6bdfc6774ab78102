"""The plugin's routes: who may read what, and who starts what."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from expectations.pages.counted import Counts
from expectations.pages.overview import DECIDED, INGESTED, OPEN
from expectations.pages.source import Kept, Source
from expectations.pages.waiting import Patient, Waiting
from expectations.pages.warming import Warming
from lakehouse.clients.airflow import AirflowApi, AirflowError
from lakehouse.contract.model import ContractError
from tests.unit.expectations.pages.answers import CONTRACTS, answer

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


class Client:
    """Asks the plugin's application without a server between."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self._ask("GET", path, headers=headers)

    def post(self, path: str, fields: dict[str, str]) -> httpx.Response:
        """A form that is sent."""
        return self._ask("POST", path, data=fields)

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())


class Logged:
    """Somebody who is logged in."""

    def get_name(self) -> str:
        return "ada"


@pytest.fixture
def anonymous(monkeypatch: pytest.MonkeyPatch) -> Client:
    import quality_pages

    shared = (Source(answer), Counts(), Kept(lambda: CONTRACTS), Patient(lambda: Waiting(0)))
    monkeypatch.setattr(quality_pages, "_source", lambda: shared)
    return Client(quality_pages.app)


@pytest.fixture
def client(anonymous: Client) -> Iterator[Client]:
    import quality_pages
    from airflow.api_fastapi.core_api.security import get_user

    quality_pages.app.dependency_overrides[get_user] = Logged
    yield anonymous
    quality_pages.app.dependency_overrides.clear()


@pytest.mark.parametrize(
    "path", ["/", "/index.html", "/ingest-000001.json", "/nothing.html", "/batch/7", "/issue/audit:a_critical"]
)
def test_who_is_not_logged_in_gets_401_and_learns_nothing(anonymous: Client, path: str) -> None:
    answer = anonymous.get(path)
    assert answer.status_code == 401
    assert "quality" not in answer.text and "critical" not in answer.text


def test_a_wrong_token_gets_no_page(anonymous: Client) -> None:
    from airflow.api_fastapi.app import init_auth_manager

    init_auth_manager()
    assert anonymous.get("/", headers={"Authorization": "Bearer nonsense"}).status_code in (401, 403)


@pytest.mark.parametrize(
    ("path", "back"),
    [
        ("/", "/quality/"),
        ("/ingest-000001.html", "/quality/ingest-000001.html"),
        ("/nothing.html", "/quality/nothing.html"),
        ("/%2fevil.example/a.html", "/quality//evil.example/a.html"),
        ("/a?next=https://evil.example", "/quality/a"),
        ("/issue/a?batch=7&next=b", "/quality/issue/a?batch=7"),
        ("/issue/a?batch=//evil.example", "/quality/issue/a"),
        ("/a&next=https:%2f%2fevil.example", "/quality/a%26next%3Dhttps%3A//evil.example"),
    ],
)
def test_a_browser_that_is_not_logged_in_is_led_to_the_login_and_back_to_the_page(
    anonymous: Client, path: str, back: str
) -> None:
    answer = anonymous.get(path, headers={**BROWSER, "Host": "evil.example"})
    login = urlsplit(answer.headers["location"])
    assert answer.status_code == 307 and answer.headers["cache-control"] == "no-store"
    assert (login.scheme, login.netloc, login.path) == ("", "", "/api/v2/auth/login")
    assert parse_qs(login.query) == {"next": [back]}


def test_a_browser_with_an_old_or_damaged_cookie_is_led_to_the_login(anonymous: Client) -> None:
    from airflow.api_fastapi.app import init_auth_manager

    init_auth_manager()
    answer = anonymous.get("/", headers={**BROWSER, "Cookie": "_token=nonsense"})
    assert answer.status_code == 307


def test_a_program_gets_its_refusal_as_json_whatever_it_accepts(anonymous: Client) -> None:
    from airflow.api_fastapi.app import init_auth_manager

    init_auth_manager()
    for headers in ({"Accept": "application/json"}, {}, {**BROWSER, "Authorization": "Bearer nonsense"}):
        answer = anonymous.get("/", headers=headers)
        assert answer.status_code in (401, 403) and answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/", "/batch/7", "/table/messages", "/issue/audit:a_critical", "/nothing"])
def test_pages_are_served_with_no_right_to_load_anything(client: Client, path: str) -> None:
    found = client.get(path)
    assert found.status_code == (404 if path == "/nothing" else 200)
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    policy = found.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script" not in policy and "form-action 'self'" in policy
    assert (
        found.headers["x-content-type-options"] == "nosniff" and found.headers["cache-control"] == "private, no-cache"
    )


def test_a_link_to_a_former_page_leads_to_that_of_today(client: Client) -> None:
    found = client.get("/ingest-000007.html")
    assert (found.status_code, found.headers["location"]) == (307, "/quality/batch/7")


@pytest.mark.parametrize(
    "path", ["/../secret", "/%2e%2e/secret", "//etc/passwd", "/table/..%2fsecret", "/index.html%00"]
)
def test_an_address_that_is_none_of_the_pages_is_not_found(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


def form_token(client: Client, path: str = "/issue/audit:a_critical") -> str:
    found = re.search(r'name="token" value="(\w+)"', client.get(path).text)
    assert found
    return found[1]


def test_personal_data_is_shown_once_it_is_logged_who_asked(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    import quality_pages

    logged: list[tuple[str, str]] = []
    monkeypatch.setattr(quality_pages, "_record", lambda user, page: logged.append((user.get_name(), page)))
    address = "/issue/audit:a_critical?batch=7"
    assert "I am Anna" not in client.get(address).text
    found = client.post(address, {"token": form_token(client)})
    assert found.status_code == 200 and "I am Anna" in found.text
    assert logged == [("ada", "/quality/issue/audit:a_critical?batch=7")]


def test_personal_data_is_not_shown_if_it_cannot_be_logged(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    import quality_pages

    def fail(user: object, page: str) -> None:
        raise OSError("no database")

    monkeypatch.setattr(quality_pages, "_record", fail)
    with pytest.raises(OSError):
        client.post("/issue/audit:a_critical", {"token": form_token(client)})


@pytest.mark.parametrize("path", ["/issue/audit:a_critical", "/replay"])
def test_a_form_of_another_site_does_nothing(client: Client, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    import quality_pages

    monkeypatch.setattr(quality_pages, "_record", lambda *_: pytest.fail("shown"))
    monkeypatch.setattr(quality_pages, "AirflowApi", lambda *_, **__: pytest.fail("started"))
    fields = {"reason": "not_json", "why": "a test's reason"}
    assert client.post(path, {**fields, "token": "guessed"}).status_code == 403
    assert client.post(path, fields).status_code == 403


@pytest.mark.parametrize("path", ["/issue/audit:a_critical", "/replay"])
def test_who_is_not_logged_in_can_send_no_form(anonymous: Client, path: str) -> None:
    assert anonymous.post(path, {"reason": "not_json", "why": "a test's reason"}).status_code == 401


class Api(AirflowApi):
    """Airflow as the plugin asks it."""

    started: ClassVar[list[tuple[str, str, dict[str, Any]]]] = []

    def __init__(self, url: str, *, token: str) -> None:
        self._token = token

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        assert conf is not None
        if conf["reason"] == "refused":
            raise AirflowError("Airflow says <no>")
        self.started.append((self._token, dag_id, conf))
        return "run+1"


def test_a_replay_is_started_with_the_login_of_who_asks(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    import quality_pages

    monkeypatch.setattr(quality_pages, "AirflowApi", Api)
    fields = {"reason": "audit:*", "batch_id": "7", "why": " corrected ", "dry_run": "yes", "token": form_token(client)}
    found = client.post("/replay", fields)
    assert found.status_code == 200 and "/dags/replay_quarantine/runs/run%2B1" in found.text
    conf = {"reason": "audit:*", "batch_id": 7, "why": "corrected", "dry_run": True}
    assert Api.started == [("", "replay_quarantine", conf)]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"why": "x"}, "says too little"),
        ({"batch_id": "seven"}, "The batch is the number of one, or left empty for any"),
        ({"batch_id": "-7"}, "The batch is the number of one"),
        ({"batch_id": "7" * 30}, "The batch is the number of one"),
        ({"reason": "refused"}, "Airflow says &lt;no&gt;"),
    ],
)
def test_a_replay_that_cannot_be_started_says_why(
    client: Client, monkeypatch: pytest.MonkeyPatch, fields: dict[str, str], words: str
) -> None:
    import quality_pages

    monkeypatch.setattr(quality_pages, "AirflowApi", Api)
    good = {"reason": "audit:*", "why": "a test's reason", "token": form_token(client)}
    found = client.post("/replay", {**good, **fields})
    assert found.status_code in (400, 502) and words in found.text


def test_airflow_finds_the_plugin_with_its_menu_link() -> None:
    import quality_pages

    plugin = quality_pages.QualityPagesPlugin
    assert [app["url_prefix"] for app in plugin.fastapi_apps] == ["/quality"]
    assert [view["href"] for view in plugin.external_views] == ["/quality/"]


def test_each_entry_of_the_side_bar_has_a_route_of_its_own_without_which_it_would_lead_nowhere() -> None:
    import quality_pages

    routes = [view["url_route"] for view in quality_pages.QualityPagesPlugin.external_views]
    assert routes == ["quality"]


def api(asked: list[str]) -> ASGIApp:
    """Stands for Airflow's own application, and notes that it was asked."""

    async def answer_nothing(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(scope["path"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    return answer_nothing


def test_trino_is_warmed_by_the_api_server_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow makes what is listed as middleware when its API server starts; other processes only read the list."""
    import quality_pages

    asked: list[str] = []
    done = threading.Event()

    def ask(_: object, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        asked.append(sql)
        return answer(sql, list(parameters))

    def look_once(self: Warming) -> None:
        self.look()
        done.set()

    shared = (Source(answer), Counts(), Kept(lambda: CONTRACTS), Patient(lambda: Waiting(0)))
    monkeypatch.setattr(quality_pages, "_source", lambda: shared)
    monkeypatch.setattr(quality_pages, "query", ask)
    monkeypatch.setattr(quality_pages, "uptime_seconds", lambda settings: 60.0)
    monkeypatch.setattr(Warming, "go_on", look_once)

    (middleware,) = quality_pages.QualityPagesPlugin.fastapi_root_middlewares
    assert not done.wait(0.2) and not asked
    requests: list[str] = []
    made = middleware["middleware"](api(requests))
    assert done.wait(20)
    assert set(asked) >= {INGESTED, OPEN, DECIDED}
    assert (Client(made).get("/api").status_code, requests) == (204, ["/api"])


def test_airflow_answers_also_if_a_setting_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import quality_pages

    monkeypatch.setenv("LAKEHOUSE_TRINO_PORT", "none")
    (middleware,) = quality_pages.QualityPagesPlugin.fastapi_root_middlewares
    made = middleware["middleware"](api([]))
    for thread in threading.enumerate():
        if thread.name == "warm-trino":
            thread.join(20)
    assert Client(made).get("/api").status_code == 204
    assert [each for each in caplog.messages if "LAKEHOUSE_TRINO_PORT='none'" in each]


def test_while_a_contract_cannot_be_used_every_page_says_which_and_nothing_is_started_or_shown(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    import quality_pages

    def unreadable() -> object:
        raise ContractError("contracts/new.yaml: title: is <None>; it must be a text")

    token = form_token(client)
    source, counts, _, waiting = quality_pages._source()
    monkeypatch.setattr(quality_pages, "_source", lambda: (source, counts, Kept(unreadable), waiting))
    monkeypatch.setattr(quality_pages, "_record", lambda *_: pytest.fail("shown"))
    monkeypatch.setattr(quality_pages, "AirflowApi", lambda *_, **__: pytest.fail("started"))
    fields = {"reason": "not_json", "why": "a test's reason", "token": token}
    for found in (
        client.get("/"),
        client.get("/issue/not_json"),
        client.post("/issue/not_json", {"token": token}),
        client.post("/replay", fields),
    ):
        assert found.status_code == 503
        assert "contracts/new.yaml: title: is &lt;None&gt;; it must be a text" in found.text
        assert "default-src 'none'" in found.headers["Content-Security-Policy"]
