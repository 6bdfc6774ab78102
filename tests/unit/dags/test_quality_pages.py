"""The plugin's route: who may read what."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


class Client:
    """Asks the plugin's application without a server between."""

    def __init__(self, app: object) -> None:
        self._app = app

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(ask())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pages = tmp_path / "quality"
    pages.mkdir()
    monkeypatch.setenv("LAKEHOUSE_QUALITY", str(pages))
    (tmp_path / "secret.json").write_text("secret")
    (pages / ".lock").write_text("secret")
    (pages / ".hidden.json").write_text("secret")
    (pages / "index.html").write_text("<h1>all</h1>")
    (pages / "ingest-000001.json").write_text("{}")
    (pages / "outside.json").symlink_to(tmp_path / "secret.json")
    return pages


@pytest.fixture
def anonymous(folder: Path) -> Client:
    import quality_pages

    return Client(quality_pages.app)


@pytest.fixture
def client(anonymous: Client) -> Iterator[Client]:
    """Somebody who is logged in."""
    import quality_pages
    from airflow.api_fastapi.core_api.security import get_user

    quality_pages.app.dependency_overrides[get_user] = lambda: object()
    yield anonymous
    quality_pages.app.dependency_overrides.clear()


@pytest.mark.parametrize("path", ["/", "/index.html", "/ingest-000001.json", "/nothing.html", "/../secret.json"])
def test_who_is_not_logged_in_gets_401_and_learns_nothing(anonymous: Client, path: str) -> None:
    answer = anonymous.get(path)
    assert answer.status_code == 401
    assert "all" not in answer.text and "secret" not in answer.text


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


@pytest.mark.parametrize(
    ("path", "kind"), [("/", "text/html"), ("/index.html", "text/html"), ("/ingest-000001.json", "application/json")]
)
def test_pages_and_results_are_served_with_their_type_and_no_right_to_load_anything(
    client: Client, path: str, kind: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.json",
        "/%2e%2e/secret.json",
        "/..%2fsecret.json",
        "/sub/../../secret.json",
        "//etc/passwd",
        "/.lock",
        "/.hidden.json",
        "/outside.json",
        "/index.html%00",
        "/nothing.html",
    ],
)
def test_nothing_but_pages_of_the_folder_is_served(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_before_the_first_audit_the_index_says_so(client: Client, folder: Path) -> None:
    (folder / "index.html").unlink()
    answer = client.get("/")
    assert answer.status_code == 200 and "No audit" in answer.text


def test_airflow_finds_the_plugin_with_its_menu_link() -> None:
    import quality_pages

    plugin = quality_pages.QualityPagesPlugin
    assert [app["url_prefix"] for app in plugin.fastapi_apps] == ["/quality"]
    assert [view["href"] for view in plugin.external_views] == ["/quality/"]


def test_each_entry_of_the_side_bar_has_a_route_of_its_own_without_which_it_would_lead_nowhere() -> None:
    import quality_pages

    routes = [view["url_route"] for view in quality_pages.QualityPagesPlugin.external_views]
    assert routes == ["quality"]
