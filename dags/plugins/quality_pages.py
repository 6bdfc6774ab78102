"""Airflow plugin: serves the data-quality pages under /quality/ to users who are logged in, with a menu link."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar

from airflow.api_fastapi.core_api.security import get_user
from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import FileResponse, HTMLResponse, Response

from lakehouse.settings import Settings

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


class QualityPagesPlugin(AirflowPlugin):
    """Found by Airflow in its plugins folder."""

    name = "quality_pages"
    fastapi_apps: ClassVar[list[Any]] = [{"app": app, "url_prefix": "/quality", "name": "Data quality"}]
    external_views: ClassVar[list[Any]] = [
        {"name": "Data quality", "href": "/quality/", "destination": "nav", "nav_top_level": True}
    ]
