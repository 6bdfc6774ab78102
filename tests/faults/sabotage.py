"""Leaves out safeguards in a process that a test starts, by replacing functions: the code has no switch for it."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch


def put(where: object, name: str, what: object) -> None:
    """Replaces it for good."""
    patch.object(where, name, what).start()


def lose_rows() -> None:
    """Staging writes like a writer that loses rows."""
    from jobs.staging.last_resort import Batch

    stage = Batch._stage

    def lossy(self: Batch, messages: Any, *arguments: Any) -> bool:
        return stage(self, messages._replace(frame=messages.frame.where("`offset` % 7 <> 3")), *arguments)

    put(Batch, "_stage", lossy)


def lose_rows_unnoticed() -> None:
    """The same, and nobody asks whether the messages add up."""
    from jobs.entries import ingest
    from jobs.staging import files

    lose_rows()
    put(files, "check_balance", lambda *_: None)
    put(ingest, "check_range", lambda *_: None)


def forget_transaction_ids() -> None:
    """Commits carry no transaction id, so that Delta takes a repeated one for another."""
    from jobs.delta import writes

    put(writes, "with_transaction_id", lambda writer, app, version: writer)


def create_careless_app() -> Any:
    """The API's application, which does not wait for Kafka's acknowledgement."""
    from api import app, publish

    settings_of = publish.producer_settings
    careless = {"acks": "0", "enable.idempotence": False}
    put(publish, "producer_settings", lambda settings: {**settings_of(settings), **careless})
    return app.create_app()


def serve_careless_api() -> int:
    """Serves it as `python -m api` serves the real one."""
    from granian import Granian

    from api import __main__ as serving

    put(serving, "Granian", lambda _, **options: Granian("tests.faults.sabotage:create_careless_app", **options))
    return serving.main()


if __name__ == "__main__":
    raise SystemExit(serve_careless_api())
