"""Our clients go straight to our servers, whatever proxy the shell names."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lakehouse.clients import direct
from lakehouse.clients.airflow import AirflowApi
from lakehouse.clients.hdfs import Hdfs
from lakehouse.clients.spark import PAST_PROXIES
from lakehouse.clients.trino import query, uptime_seconds
from lakehouse.settings import Settings
from stack.probes import http

PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "grpc_proxy")


class Server(ThreadingHTTPServer):
    """Answers as HDFS, Trino and Airflow do; keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.rows = {
            "id": "1",
            "infoUri": self.url,
            "stats": {"state": "FINISHED"},
            "columns": [{"name": "n", "type": "bigint", "typeSignature": {"rawType": "bigint", "arguments": []}}],
            "data": [[7]],
        }


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = {"uptime": "2.00m", "access_token": "t", "Location": f"{self.server.url}/datanode"}
        body = json.dumps(self.server.rows if "statement" in self.path else answer).encode()
        self.send_response(201 if "datanode" in self.path else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_GET

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server of ours, while the shell names a proxy that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        proxy = f"http://127.0.0.1:{closed.getsockname()[1]}"
    for name in PROXIES:
        monkeypatch.setenv(name, proxy)
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def exists(url: str) -> None:
    assert Hdfs(Settings(webhdfs_url=url)).exists("/x")


def write(url: str) -> None:
    Hdfs(Settings(webhdfs_url=url)).write("/x", Path(__file__))


def ask(url: str) -> None:
    assert query(Settings(trino_url=url), "select 7 as n") == [{"n": 7}]


def uptime(url: str) -> None:
    assert uptime_seconds(Settings(trino_url=url)) == 120


def login(url: str) -> None:
    AirflowApi(url, "admin", "x")


def probe(url: str) -> None:
    http("GET", url)


@pytest.mark.parametrize("client", [exists, write, ask, uptime, login, probe])
def test_no_client_asks_the_proxy_of_the_shell(server: Server, client: Callable[[str], None]) -> None:
    client(server.url)
    assert server.asked and all(path.startswith("/") for path in server.asked)  # a proxy is asked for http://...


@pytest.mark.usefixtures("server")
def test_spark_is_not_looked_for_behind_the_proxy_of_the_shell() -> None:
    from pyspark.sql.connect.client import DefaultChannelBuilder

    with socket.create_server(("127.0.0.1", 0)) as spark:
        spark.settimeout(10)
        to = DefaultChannelBuilder(f"sc://127.0.0.1:{spark.getsockname()[1]}", PAST_PROXIES)
        with to.toChannel() as channel:
            channel.subscribe(lambda state: None, try_to_connect=True)
            connection, _ = spark.accept()
            with connection:
                connection.settimeout(10)
                assert connection.recv(3) == b"PRI"  # as HTTP/2 begins; a proxy would be told CONNECT


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", None])
def test_the_authorities_that_the_shell_trusts_are_trusted(monkeypatch: pytest.MonkeyPatch, name: str | None) -> None:
    for each in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(each, raising=False)
    if name:
        monkeypatch.setenv(name, "/ours.pem")
    assert direct.session().verify == ("/ours.pem" if name else True)
