"""The baseline of the API: Flask's development server, which logs each event without waiting for Kafka."""

from __future__ import annotations

import json
import sys


def main(port: int, bootstrap: str) -> None:
    """Serves GET /purchase_a_sword on 127.0.0.1:`port` until it is stopped."""
    from flask import Flask, request
    from kafka import KafkaProducer
    from werkzeug.serving import run_simple

    app = Flask(__name__)
    producer = KafkaProducer(bootstrap_servers=bootstrap)

    @app.route("/purchase_a_sword")
    def purchase_a_sword() -> str:
        event = {"event_type": "purchase_sword", "description": request.args.get("event_detail", "wood")}
        event.update(request.headers)
        producer.send("events", json.dumps(event).encode())
        return "Sword Purchased!\n"

    run_simple("127.0.0.1", port, app, threaded=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
