"""What is done to the containers of a cluster, by the command `docker` alone: killed, cut off, looked at."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

HEALTHY_SECONDS = 300.0
NETWORK = "default"
_SERVERS = "/opt/lakehouse/servers"
_UNHEALTHY = ("starting", "unhealthy")


class NotBack(Exception):
    """A container does not do its work after the time that it may take."""


def docker(*arguments: str, seconds: float = 120.0) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode:
        raise RuntimeError(f"docker {' '.join(arguments)}: {done.stderr.strip()[-500:]}")
    return done.stdout


class Containers:
    """The containers of one project of Compose, by the names of their services."""

    def __init__(self, project: str) -> None:
        self.project = project
        self._filter = ("--filter", f"label=com.docker.compose.project={project}")

    def name(self, service: str) -> str:
        return f"{self.project}_{service}_1"

    def volume(self, service: str) -> str:
        return f"{self.project}_{service}"

    def kill(self, service: str) -> None:
        """As if its machine went off. It is not started again by itself: Docker takes a kill for a wish."""
        docker("kill", self.name(service))

    def start(self, service: str) -> None:
        docker("start", self.name(service))

    def cut(self, service: str) -> None:
        """Takes the cable out: nobody reaches it, and it reaches nobody."""
        docker("network", "disconnect", f"{self.project}_{NETWORK}", self.name(service))

    def join(self, service: str) -> None:
        docker("network", "connect", "--alias", service, f"{self.project}_{NETWORK}", self.name(service))

    def empty_volume(self, service: str) -> None:
        """Deletes all that is in the volume; its container must be down."""
        image = docker("inspect", "--format", "{{.Config.Image}}", self.name(service)).strip()
        find = ["--entrypoint", "find", image, "/disk", "-mindepth", "1", "-delete"]
        docker("run", "--rm", "-v", f"{self.volume(service)}:/disk", *find)

    def run(self, service: str, *command: str, seconds: float = 120.0, **variables: str) -> str:
        """Runs a command inside of a container; what it printed."""
        given = [part for name, value in variables.items() for part in ("-e", f"{name}={value}")]
        return docker("exec", *given, self.name(service), *command, seconds=seconds)

    def running(self, service: str) -> bool:
        return docker("inspect", "--format", "{{.State.Running}}", self.name(service)).strip() == "true"

    def ill(self) -> dict[str, str]:
        """The services that do not do their work, and their states. Steps of the start, which have ended, are none."""
        ids = docker("ps", "-aq", *self._filter).split()
        return states_of(json.loads(docker("inspect", *ids)))

    def wait_until_healthy(self, seconds: float = HEALTHY_SECONDS) -> None:
        wait(lambda: not self.ill(), seconds, lambda: f"not healthy: {self.ill()}")

    def leader(self) -> str:
        """The service whose controller leads the quorum of Kafka."""
        for broker in ("kafka", "kafka-2", "kafka-3"):
            if self.running(broker):
                return leader_of(self.run(broker, *_QUORUM))
        raise NotBack("no broker runs")


def states_of(inspected: list[dict[str, Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in inspected:
        state, service = each["State"], each["Config"]["Labels"]["com.docker.compose.service"]
        if "Health" not in state:
            continue  # a step of the start
        if not state["Running"]:
            found[service] = state["Status"]
        elif state["Health"]["Status"] in _UNHEALTHY:
            found[service] = state["Health"]["Status"]
    return found


_QUORUM = ("java", "-Xmx64m", "-cp", f"{_SERVERS}/kafka/*", "org.apache.kafka.tools.MetadataQuorumCommand") + (
    *("--bootstrap-server", "kafka:9092,kafka-2:9092,kafka-3:9092"),
    *("describe", "--status"),
)


def leader_of(status: str) -> str:
    """The service of the node that Kafka's command names as leader."""
    for line in status.splitlines():
        if line.startswith("LeaderId:"):
            node = int(line.split()[1])
            return "kafka" if node == 1 else f"kafka-{node}"
    raise NotBack(f"Kafka names no leader: {status[:300]}")


def wait(done: Callable[[], bool], seconds: float, what: Callable[[], str]) -> None:
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            raise NotBack(f"after {seconds:.0f} s {what()}")
        time.sleep(1)
