"""Airflow plugin: renders the data-quality pages under /quality/ for users who are logged in, with a menu link."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import logging
import threading
from functools import cache
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from airflow.api_fastapi.app import API_ROOT_PATH
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.core_api.security import get_user
from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends, FastAPI, Form, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp

from expectations.pages import overview
from expectations.pages.counted import Counts
from expectations.pages.site import Answer, Asked, Site, unusable
from expectations.pages.source import Kept, Source
from expectations.pages.waiting import Patient, ask_kafka
from expectations.pages.warming import Warming
from lakehouse.clients.airflow import AirflowApi, AirflowError
from lakehouse.clients.trino import query, uptime_seconds
from lakehouse.contract.load import load_contracts
from lakehouse.contract.model import ContractError
from lakehouse.settings import Settings, SettingsError
from lakehouse.texts import TextError, recorded

_PREFIX = "/quality"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}
_SHOWN = "quality_personal_data_shown"  # in Airflow's audit log
_DAG = "replay_quarantine"

log = logging.getLogger(__name__)

# The dependency stands on the route: one given to the app would not cover a mounted folder of static files.
app = FastAPI(title="Data quality", docs_url=None, redoc_url=None, openapi_url=None)
User = Annotated[Any, Depends(get_user)]


@app.get("/{path:path}")
def page(path: str, request: Request, user: User) -> Response:
    """One page."""
    return _response(_site().answer(path, Asked(dict(request.query_params), token=_token(request))))


@app.post("/replay")
def replay(
    request: Request,
    user: User,
    reason: Annotated[str, Form()],
    why: Annotated[str, Form()],
    batch_id: Annotated[str, Form()] = "",
    dry_run: Annotated[str, Form()] = "",
    token: Annotated[str, Form()] = "",
) -> Response:
    """Starts a replay with the login of whoever asks: Airflow says whether they may, and records their name."""
    _check_token(request, token)
    site = _site()
    try:
        conf: dict[str, Any] = {"reason": reason, "why": recorded(why), "dry_run": bool(dry_run)}
        if batch_id:
            conf["batch_id"] = _batch(batch_id)
        run_id = AirflowApi(Settings.load().airflow_url, token=_login(request)).trigger(_DAG, conf)
    except (TextError, ValueError) as error:
        return _response(site.refused(400, f"{error}"))
    except AirflowError as error:
        return _response(site.refused(502, f"{error}"))
    return _response(site.started(run_id, conf))


@app.post("/issue/{path:path}")
def reveal(path: str, request: Request, user: User, token: Annotated[str, Form()] = "") -> Response:
    """The page of an issue with personal data, once it is logged that they asked for it."""
    _check_token(request, token)
    site = _site()
    address = f"{_PREFIX}/issue/{path}" + (f"?{request.url.query}" if request.url.query else "")
    _record(user, address)
    return _response(site.answer(f"issue/{path}", Asked(dict(request.query_params), reveal=True, token=token)))


@app.exception_handler(HTTPException)
async def refuse(request: Request, refused: HTTPException) -> Response:
    """Leads a person whose browser is not logged in to Airflow's login, and from there back; others get what was refused.

    Where it leads back to is put together from this application's own address, so that it is no other site's.
    """
    is_login_wanted = refused.status_code in (401, 403)  # get_user's words for no, an old, and no valid token
    if not is_login_wanted or not _is_browser(request) or request.method != "GET":
        return await http_exception_handler(request, refused)
    root = API_ROOT_PATH.rstrip("/")
    back = f"{root}{_PREFIX}/{quote(request.path_params.get('path', ''))}"
    batch = request.query_params.get("batch", "")  # all that a page takes
    if batch.isascii() and batch.isdecimal():
        back += f"?batch={batch}"
    login = f"{root}/api/v2/auth/login?{urlencode({'next': back})}"
    return RedirectResponse(login, headers={"Cache-Control": "no-store"})


@app.exception_handler(ContractError)
async def say_which_contract(request: Request, error: ContractError) -> Response:
    """While a contract is being edited, say."""
    root = API_ROOT_PATH.rstrip("/")
    return _response(unusable(error, root, f"{root}{_PREFIX}"))


def _is_browser(request: Request) -> bool:
    """Whoever brings a token is a program, also if it takes HTML."""
    return "text/html" in request.headers.get("accept", "") and "authorization" not in request.headers


@cache
def _source() -> tuple[Source, Counts, Kept, Patient]:
    """What all requests share: answers of Trino, the contracts, and what Kafka says; each kept for some seconds."""
    settings = Settings.load()
    contracts = Kept(lambda: load_contracts(settings.contracts))
    waiting = Kept(lambda: ask_kafka(settings, contracts.get().topics))
    source = Source(lambda sql, parameters: query(settings, sql, parameters))
    return source, Counts(), contracts, Patient(waiting.get)


def _site() -> Site:
    source, counts, contracts, waiting = _source()
    every = Settings.load().ingest_every_minutes
    root = API_ROOT_PATH.rstrip("/")
    return Site(source, counts, contracts.get(), waiting, every, root, f"{root}{_PREFIX}")


def _response(answer: Answer) -> Response:
    if answer.moved_to is not None:
        return RedirectResponse(f"{API_ROOT_PATH.rstrip('/')}{_PREFIX}/{answer.moved_to}", headers=_HEADERS)
    return HTMLResponse(answer.html, status_code=answer.status, headers=_HEADERS)


def _login(request: Request) -> str:
    """The token that the user is logged in with."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return given if scheme.lower() == "bearer" else request.cookies.get(COOKIE_NAME_JWT_TOKEN, "")


def _token(request: Request) -> str:
    """What forms send back: only a page that this login was shown knows it."""
    return hashlib.sha256(f"quality:{_login(request)}".encode()).hexdigest()


def _batch(text: str) -> int:
    """Raises ValueError: it is no number of a batch."""
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise ValueError(f"The batch is the number of one, or left empty for any; it was {text[:40]!r}.")
    return int(text)


def _check_token(request: Request, token: str) -> None:
    """Raises HTTPException: the form is not one that this login was shown."""
    if not hmac.compare_digest(token, _token(request)):
        raise HTTPException(403, "This form is old, or not from these pages. Load the page again.")


def _record(user: Any, address: str) -> None:
    """Writes into Airflow's audit log who is shown personal data, and where. Without that nothing is shown."""
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    with create_session() as session:
        session.add(Log(_SHOWN, owner=user.get_name(), extra=json.dumps({"page": address})))
    log.warning("%s is shown personal data at %s", user.get_name(), address)


def begin_to_warm_trino(app: ASGIApp) -> ASGIApp:
    """Is called as a middleware when the API server starts; requests do not pass through it.

    Airflow has no other hook for plugins that is called there alone. Whatever goes wrong does so in a thread of its own,
    since what the maker of a middleware raises ends all of Airflow's API.
    """
    threading.Thread(target=_warm_trino, name="warm-trino", daemon=True).start()
    return app


def _warm_trino() -> None:
    try:
        settings = Settings.load()
    except SettingsError as error:
        log.error("Trino is not warmed: %s", error)
        return

    def make_overview() -> None:
        """As for the first person who looks, with no answer kept. It shares no lock with people's requests."""
        _, _, contracts, waiting = _source()
        source = Source(lambda sql, parameters: query(settings, sql, parameters), kept_seconds=0)
        now = dt.datetime.now(dt.UTC)
        overview.load(source, Counts(), contracts.get(), waiting, settings.ingest_every_minutes, now)

    Warming(lambda: uptime_seconds(settings), make_overview).go_on()


class QualityPagesPlugin(AirflowPlugin):
    """Found by Airflow in its plugins folder."""

    name = "quality_pages"
    # Airflow declares the lists as an instance's
    fastapi_apps: list[Any] = [{"app": app, "url_prefix": _PREFIX, "name": "Data quality"}]  # noqa: RUF012
    fastapi_root_middlewares: list[Any] = [{"middleware": begin_to_warm_trino, "name": "Warm Trino"}]  # noqa: RUF012
    # Without a url_route Airflow 3.3 puts a button into the side bar that leads nowhere; with it, it shows the pages in a frame.
    external_views: list[Any] = [  # noqa: RUF012
        {
            "name": "Data quality",
            "href": f"{API_ROOT_PATH.rstrip('/')}{_PREFIX}/",
            "destination": "nav",
            "nav_top_level": True,
            "url_route": "quality",
        }
    ]
