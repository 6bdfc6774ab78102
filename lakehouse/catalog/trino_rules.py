"""Who may do what in Trino: everybody reads, and writes in memory; our own user makes views; nobody does anything else.

The rows of the lakehouse are protected twice: by these rules, and by the read-only catalog
(docker/trino/catalog/lakehouse.properties).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lakehouse.catalog.views import views
from lakehouse.clients.trino import USER
from lakehouse.names import CATALOG, MEMORY_CATALOG, VIEWS_CATALOG
from lakehouse.settings import CHECKOUT, Settings

FILE = CHECKOUT / "docker" / "trino" / "rules.json"
_WRITE = ["SELECT", "INSERT", "DELETE", "OWNERSHIP", "GRANT_SELECT"]  # DELETE is to empty a table


def rules(view_names: Iterable[str]) -> dict[str, Any]:
    """The rules of Trino's file-based access control; what no rule allows is refused.

    `view_names` (schema.name) are the only names that our own user may make anything under.
    """
    made = [name.split(".") for name in view_names]
    return {
        "catalogs": [
            # "all" is needed to see how a table or view was made; the catalog itself refuses every change.
            {"catalog": CATALOG, "allow": "all"},
            {"catalog": "system", "allow": "read-only"},
            {"catalog": VIEWS_CATALOG, "user": USER, "allow": "all"},
            {"catalog": MEMORY_CATALOG, "allow": "all"},
        ],
        "schemas": [
            {"catalog": CATALOG, "owner": True},
            {"catalog": MEMORY_CATALOG, "owner": True},
            {"owner": False},
        ],
        "tables": [
            # SHOW CREATE needs OWNERSHIP. A view that others read needs GRANT_SELECT for the user who made it.
            {"catalog": CATALOG, "privileges": ["SELECT", "GRANT_SELECT", "OWNERSHIP"]},
            {"catalog": "system", "privileges": ["SELECT"]},
            *(
                {"catalog": VIEWS_CATALOG, "user": USER, "schema": schema, "table": name, "privileges": ["OWNERSHIP"]}
                for schema, name in made
            ),
            {"catalog": MEMORY_CATALOG, "privileges": _WRITE},
        ],
        "procedures": [],
        "queries": [{"allow": ["execute", "view"]}],  # besides, everybody may stop their own queries
        "system_information": [{"allow": ["read"]}],
    }


def text() -> str:
    """What docker/trino/rules.json holds."""
    return json.dumps(rules(views(Settings())), indent=2) + "\n"


if __name__ == "__main__":
    Path(FILE).write_text(text())
