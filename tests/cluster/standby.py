"""Kills the active one of two NameNodes while files are written: `python -m tests.cluster.standby`; see docker/compose.ha.yaml.

Only HDFS is started. What was acknowledged must be readable afterwards, by the NameNode that took over.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from itertools import pairwise

from lakehouse.settings import CHECKOUT
from tests.cluster.containers import Containers, docker

PROJECT = "lakehouse-standby-test"
FILES = ("compose.yaml", "compose.cluster.yaml", "compose.ha.yaml")
SERVICES = ("watcher-2", "webhdfs", "datanode", "datanode-2", "datanode-3")
BEFORE, AFTER = 15.0, 60.0  # seconds of writing before and after the kill
# Writes numbered files for so many seconds and prints each that was acknowledged, with the seconds since the start.
WRITE = """
import sys, time
from lakehouse.settings import Settings
from stack.probes import http, NotReady
began, number = time.monotonic(), 0
url = f"{Settings.load().webhdfs_url}/standby-test"
while time.monotonic() < began + float(sys.argv[1]):
    try:
        place = f"{url}/{number}?user.name=lakehouse&op=CREATE&overwrite=true&noredirect=true"
        http("PUT", http("PUT", place, seconds=20).json()["Location"], data=str(number).encode(), seconds=20)
        print(number, round(time.monotonic() - began, 1), flush=True)
    except NotReady as error:
        print("refused", round(time.monotonic() - began, 1), error, file=sys.stderr, flush=True)
        time.sleep(0.5)
    number += 1
"""
# Reads the files whose numbers are given, and prints those that are not as written.
READ = """
import sys
from lakehouse.settings import Settings
from stack.probes import http
url = f"{Settings.load().webhdfs_url}/standby-test"
for number in sys.argv[1].split(","):
    if http("GET", f"{url}/{number}?user.name=lakehouse&op=OPEN", seconds=20).content != number.encode():
        print(number)
"""
STATE = """
import sys
from stack.probes import http
beans = http("GET", f"http://{sys.argv[1]}:9870/jmx?qry=Hadoop:service=NameNode,name=NameNodeStatus").json()["beans"]
print(beans[0]["State"])
"""


def compose(*arguments: str) -> None:
    files = [part for name in FILES for part in ("-f", f"docker/{name}")]
    extra = os.environ.get("STANDBY_FILES", "").split()
    command = ["docker-compose", *files, *extra, *arguments]
    subprocess.run(command, cwd=CHECKOUT, env=os.environ | {"COMPOSE_PROJECT_NAME": PROJECT}, timeout=900, check=True)


def longest_gap(seconds: list[float]) -> float:
    """The longest time in which nothing was acknowledged."""
    return max((after - before for before, after in pairwise(seconds)), default=0.0)


def python(containers: Containers, code: str, *arguments: str, seconds: float = 240.0) -> str:
    return containers.run("datanode", "python", "-W", "ignore", "-c", code, *arguments, seconds=seconds)


def active(containers: Containers) -> str:
    (found,) = [each for each in ("namenode", "namenode-2") if python(containers, STATE, each).strip() == "active"]
    return found


def kill_while_writing(containers: Containers) -> bool:
    """Says what was seen; whether all that was acknowledged is there."""
    written: list[str] = []
    writing = threading.Thread(
        target=lambda: written.append(python(containers, WRITE, str(BEFORE + AFTER), seconds=2 * (BEFORE + AFTER)))
    )
    writing.start()
    time.sleep(BEFORE)
    killed = active(containers)
    containers.kill(killed)
    writing.join()
    lines = [line.split() for line in written[0].splitlines()]
    numbers, times = [number for number, _ in lines], [float(second) for _, second in lines]
    wrong = python(containers, READ, ",".join(numbers)).split()
    seen = {
        "killed": killed,
        "acknowledged": len(numbers),
        "acknowledged in the last 10 s": sum(second > BEFORE + AFTER - 10 for second in times),
        "longest gap in seconds": longest_gap(times),
        "lost or wrong": wrong,
    }
    print(json.dumps(seen), flush=True)
    return not wrong and bool(seen["acknowledged in the last 10 s"])


def come_back(containers: Containers, service: str) -> None:
    containers.start(service)
    containers.wait_until_healthy()


def main() -> int:
    containers = Containers(PROJECT)
    try:
        docker("info")
        compose("up", "-d", *SERVICES)
        containers.wait_until_healthy()
        first = active(containers)
        good = kill_while_writing(containers)
        come_back(containers, first)
        return 0 if kill_while_writing(containers) and good else 1  # and back to the first one
    finally:
        compose("down", "--volumes")


if __name__ == "__main__":
    sys.exit(main())
