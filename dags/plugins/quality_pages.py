"""Airflow plugin: serves the data-quality pages under /quality/ to users who are logged in, with a menu link."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from airflow.api_fastapi.app import API_ROOT_PATH
from airflow.api_fastapi.core_api.security import get_user
from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from lakehouse.settings import Settings

_PREFIX = "/quality"
# One flat folder of names that cannot climb out of it; hidden files are being written or are locks.
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.(html|json)")
_TYPES = {"html": "text/html; charset=utf-8", "json": "application/json"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}

# The dependency stands on the route: one given to the app would not cover a mounted folder of static files.
app = FastAPI(title="Data quality", docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/{path:path}")
def page(path: str, user: Annotated[Any, Depends(get_user)]) -> Response:
    """One file of the folder `settings.quality`."""
    name = _FILE.fullmatch(path or "index.html")
    if name is None:
        raise HTTPException(404, "There is no such page.")
    file = Path(Settings.load().quality) / name[0]
    if file.is_file() and not file.is_symlink():
        return FileResponse(file, media_type=_TYPES[name[1]], headers=_HEADERS)
    if name[0] == "index.html":
        return HTMLResponse("<!doctype html><title>Data quality</title><p>No audit has run yet.", headers=_HEADERS)
    raise HTTPException(404, "There is no such page.")


@app.exception_handler(HTTPException)
async def refuse(request: Request, refused: HTTPException) -> Response:
    """Leads a person whose browser is not logged in to Airflow's login, and from there back; others get what was refused.

    Where it leads back to is put together from this application's own address, so that it is no other site's.
    """
    is_login_wanted = refused.status_code in (401, 403)  # get_user's words for no, an old, and no valid token
    if not is_login_wanted or not _is_browser(request):
        return await http_exception_handler(request, refused)
    root = API_ROOT_PATH.rstrip("/")
    back = f"{root}{_PREFIX}/{quote(request.path_params.get('path', ''))}"
    login = f"{root}/api/v2/auth/login?{urlencode({'next': back})}"
    return RedirectResponse(login, headers={"Cache-Control": "no-store"})


def _is_browser(request: Request) -> bool:
    """Whoever brings a token is a program, also if it takes HTML."""
    return "text/html" in request.headers.get("accept", "") and "authorization" not in request.headers


class QualityPagesPlugin(AirflowPlugin):
    """Found by Airflow in its plugins folder."""

    name = "quality_pages"
    # Airflow declares both lists as an instance's
    fastapi_apps: list[Any] = [{"app": app, "url_prefix": _PREFIX, "name": "Data quality"}]  # noqa: RUF012
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
