"""Leaves out safeguards in a process that a test starts, by replacing functions: the code has no switch for it."""

from __future__ import annotations

from typing import Any


def lose_rows() -> None:
    """Staging writes like a writer that loses rows."""
    from jobs.staging.last_resort import Batch

    stage = Batch._stage

    def lossy(self: Batch, messages: Any, *arguments: Any) -> bool:
        return stage(self, messages._replace(frame=messages.frame.where("`offset` % 7 <> 3")), *arguments)

    Batch._stage = lossy  # type: ignore[method-assign]


def lose_rows_unnoticed() -> None:
    """The same, and nobody asks whether the messages add up."""
    from jobs.entries import ingest
    from jobs.staging import files

    lose_rows()
    files.check_balance = lambda *_: None  # type: ignore[assignment]
    ingest.check_range = lambda *_: None  # type: ignore[assignment]


def forget_transaction_ids() -> None:
    """Commits carry no transaction id, so that Delta takes a repeated one for another."""
    from jobs.delta import writes

    writes.with_transaction_id = lambda writer, app, version: writer  # type: ignore[assignment]


def create_careless_app() -> Any:
    """The API's application, which does not wait for Kafka's acknowledgement."""
    from api import app, publish

    settings_of = publish.producer_settings
    publish.producer_settings = lambda settings: {  # type: ignore[assignment]
        **settings_of(settings),
        "acks": "0",
        "enable.idempotence": False,
    }
    return app.create_app()


def serve_careless_api() -> int:
    """Serves it as `python -m api` serves the real one."""
    from api import __main__ as serving

    granian = serving.Granian
    serving.Granian = lambda _, **options: granian(  # type: ignore[assignment, misc]
        "tests.faults.sabotage:create_careless_app", **options
    )
    return serving.main()


if __name__ == "__main__":
    raise SystemExit(serve_careless_api())
