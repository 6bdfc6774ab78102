"""A Spark that does not answer is said at once, with its address."""

from __future__ import annotations

import re
import socket

import pytest

from lakehouse.clients import spark


def test_a_server_that_listens_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        spark.check_answers(f"sc://127.0.0.1:{server.getsockname()[1]}")


@pytest.mark.parametrize(("address", "asked"), [("sc://127.0.0.1:9", 9), ("sc://127.0.0.1", spark.PORT)])
def test_where_nothing_listens_the_error_names_the_address_and_the_command(
    monkeypatch: pytest.MonkeyPatch, address: str, asked: int
) -> None:
    tried: list[object] = []

    def refuse(place: object, timeout: float) -> None:
        tried.append(place)
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr(socket, "create_connection", refuse)
    words = f"Spark Connect does not answer at {address} (refused); start it with `make up`"
    with pytest.raises(spark.SparkUnavailable, match=f"^{re.escape(words)}$"):
        spark.check_answers(address)
    assert tried == [("127.0.0.1", asked)]
