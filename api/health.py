"""Liveness and readiness of the API."""

from __future__ import annotations

from flask import Flask, Response

from api.problems import Problem
from api.publish import Publisher


def register(app: Flask, publisher: Publisher) -> None:
    """Adds /healthz (this process answers) and /readyz (the broker took a message a moment ago)."""

    def healthz() -> Response:
        return Response("ok\n", content_type="text/plain; charset=utf-8")

    def readyz() -> Response:
        publisher.start()
        if not publisher.ready():
            raise Problem(503, "Not ready", "Kafka does not take messages. The API tries again every second.")
        return Response("ready\n", content_type="text/plain; charset=utf-8")

    app.add_url_rule("/healthz", "healthz", healthz, methods=["GET"])
    app.add_url_rule("/readyz", "readyz", readyz, methods=["GET"])
