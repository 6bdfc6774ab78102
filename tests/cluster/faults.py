"""The faults of a cluster: what is done to which container, and how it is undone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.cluster.containers import Containers, NotBack

DISK_KEEPER = "disk-keeper"  # a container that has the small volume too: see docker/compose.faults.yaml


@dataclass(frozen=True)
class Fault:
    """`strike` names the container that it hit, `mend` gets that name."""

    name: str
    what: str
    strike: Callable[[Containers], str]
    mend: Callable[[Containers, str], None]
    seconds: float = 30.0  # that it lasts


def _kill(service: str) -> Callable[[Containers], str]:
    def strike(containers: Containers) -> str:
        containers.kill(service)
        return service

    return strike


def _start(containers: Containers, service: str) -> None:
    containers.start(service)


def _killed(name: str, service: str, what: str, seconds: float = 30.0) -> Fault:
    return Fault(name, f"`docker kill` of {what}, started again after {seconds:.0f} s", _kill(service), _start, seconds)


def _another_than_the_leader(containers: Containers) -> str:
    leader = containers.leader()
    return next(each for each in ("kafka-2", "kafka", "kafka-3") if each != leader)


def _kill_broker(containers: Containers) -> str:
    service = _another_than_the_leader(containers)
    containers.kill(service)
    return service


def _kill_leader(containers: Containers) -> str:
    service = containers.leader()
    containers.kill(service)
    return service


def _cut_broker(containers: Containers) -> str:
    service = _another_than_the_leader(containers)
    containers.cut(service)
    return service


def _empty_broker(containers: Containers) -> str:
    service = _another_than_the_leader(containers)
    containers.kill(service)
    containers.empty_volume(service)
    return service


def _fill_disk(containers: Containers) -> str:
    containers.run(DISK_KEEPER, "sh", "-c", "cat /dev/zero > /disk/ballast || true")
    return "kafka-3"


def _empty_disk(containers: Containers, service: str) -> None:
    containers.run(DISK_KEEPER, "rm", "/disk/ballast")
    if not containers.running(service):
        containers.start(service)


def _see_clock(containers: Containers) -> str:
    """It is off from the start of the container, so this only sees that it is."""
    ahead = float(containers.run("api-2", "date", "+%s")) - time.time()
    if not 3500 < ahead < 3700:
        raise NotBack(f"the clock of api-2 is {ahead:.0f} s ahead, not an hour")
    return "api-2"


FAULTS = (
    Fault("broker", "`docker kill` of a broker, started again after 30 s", _kill_broker, _start),
    Fault("controller", "`docker kill` of the broker that leads the controllers", _kill_leader, _start),
    _killed("datanode", "datanode-2", "a DataNode"),
    _killed("spark-worker", "spark-worker-2", "a Spark worker"),
    _killed("spark-driver", "spark", "the Spark driver", 20.0),
    _killed("trino-worker", "trino-worker", "Trino's worker"),
    _killed("api", "api-1", "one of the two APIs"),
    _killed("postgres", "postgres", "PostgreSQL", 20.0),
    _killed("namenode", "namenode", "the NameNode", 20.0),
    Fault("cut", "a broker cut off the network for 30 s", _cut_broker, Containers.join),
    Fault("volume", "a broker killed and its volume deleted", _empty_broker, _start, 20.0),
    Fault("disk", "a broker's disk of 512 MB full for 30 s", _fill_disk, _empty_disk),
    Fault("clock", "one API's clock an hour ahead (libfaketime); so it is in all trials", _see_clock, lambda *_: None),
)
BY_NAME = {fault.name: fault for fault in FAULTS}
