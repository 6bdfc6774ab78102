"""The servers that only a cluster has: Spark's master and workers, Trino's worker, and nginx before several APIs."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from lakehouse.settings import Settings
from stack.environment import DOCKER, job_environment, spark_home
from stack.errors import NotReady
from stack.java import crash_files
from stack.probes import http, port_open, probe_api
from stack.services import Machine, Service, services

_DAEMON_MB = 96  # of a master, and of a worker, whose tasks run in a Java of their own
_PAGE_PORT = 8080  # of the master
_WORKER_MB, _WORKER_CORES = 640, 1  # what a worker gives to the driver's executor


def cluster_services(settings: Settings, machine: Machine) -> tuple[Service, ...]:
    """What a machine of a cluster may run beside what stands in stack/services.py."""
    base = job_environment(settings, machine.java)
    java_options = " ".join(("-XX:+UseSerialGC", *crash_files(settings.state, "spark-daemon")))
    spark = base | {"SPARK_DAEMON_MEMORY": f"{_DAEMON_MB}m", "SPARK_DAEMON_JAVA_OPTS": java_options}
    spark_class = str(spark_home() / "bin" / "spark-class")
    (trino,) = (each for each in services(settings, machine) if each.name == "trino")
    return (
        Service(
            "spark-master",
            (spark_class, "org.apache.spark.deploy.master.Master")
            + ("--host", settings.host, "--port", str(_master(settings)[1]), "--webui-port", str(_PAGE_PORT)),
            spark,
            address=settings.spark_master,
        ),
        Service(
            "spark-worker",
            (spark_class, "org.apache.spark.deploy.worker.Worker", "--host", settings.host, "--webui-port", "8081")
            + ("--cores", str(_WORKER_CORES), "--memory", f"{_WORKER_MB}m")
            + ("--work-dir", str(settings.state / "tmp" / "spark-work"), settings.spark_master),
            spark | {"MALLOC_ARENA_MAX": "2"},
            needs=("spark-master",),
        ),
        replace(
            trino,
            name="trino-worker",
            argv=tuple(
                re.sub(r"/config\.properties$", "/worker.properties", part).replace("=trino-1", f"={settings.host}")
                for part in trino.argv
            ),
            needs=("trino",),
        ),
        Service(
            "nginx",
            ("/usr/sbin/nginx", "-c", str(DOCKER / "nginx" / "nginx.conf"), "-e", "stderr", "-g", "daemon off;"),
            {"LANG": "C.UTF-8"},
            address=settings.api_url,
        ),
    )


def _master(settings: Settings) -> tuple[str, int]:
    """Host and port of the master; those of nobody where Spark has none."""
    parts = urlsplit(settings.spark_master)
    return (parts.hostname or "", parts.port or 7077) if parts.scheme == "spark" else ("", 7077)


def probe_spark_master(settings: Settings) -> None:
    """Asks its page whether it takes work."""
    if (status := _page(settings)["status"]) != "ALIVE":
        raise NotReady(f"Spark's master is {status}")


def probe_spark_worker(settings: Settings) -> None:
    """Asks the master whether it counts on the worker of this machine."""
    states = [each["state"] for each in _page(settings)["workers"] if each["host"] == settings.host]
    if "ALIVE" not in states:
        raise NotReady(f"Spark's master knows the worker {settings.host} as {states or 'nothing'}")


def _page(settings: Settings) -> dict[str, Any]:
    page: dict[str, Any] = http("GET", f"http://{_master(settings)[0]}:{_PAGE_PORT}/json/").json()
    return page


def probe_trino_worker(settings: Settings) -> None:
    """Asks whether it has begun its work."""
    port_open(settings.trino_port)
    if http("GET", f"http://127.0.0.1:{settings.trino_port}/v1/info").json()["starting"]:
        raise NotReady("Trino's worker is starting")


CLUSTER_PROBES = {
    "spark-master": probe_spark_master,
    "spark-worker": probe_spark_worker,
    "trino-worker": probe_trino_worker,
    "nginx": probe_api,
}
# The settings that hold the port of a server that listens on all addresses.
CLUSTER_PORTS = {"trino-worker": ("trino_port",), "nginx": ("api_port",)}
