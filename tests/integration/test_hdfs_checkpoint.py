"""The NameNode's log of changes is merged into its image, on a NameNode of the test's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from lakehouse.clients.hdfs import Hdfs, HdfsError
from lakehouse.settings import CHECKOUT, Settings
from operations.hdfs_checkpoint import checkpoint
from stack.environment import local_settings, make_folders
from stack.java import find_java
from stack.services import Machine, services

PORT_OFFSET = int(os.environ.get("TEST_STACK_PORT_OFFSET", "10000")) + 500  # beside the stack of the other tests
pytestmark = pytest.mark.timeout(300)
AT_ONCE = "<property><name>dfs.namenode.checkpoint.period</name><value>1</value></property></configuration>"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of an HDFS whose NameNode takes a new image each second, not each hour."""
    conf = tmp_path / "conf"
    shutil.copytree(CHECKOUT / "docker" / "hdfs", conf)
    site = conf / "hdfs-site.xml"
    site.write_text(site.read_text().replace("</configuration>", AT_ONCE))
    given = Settings(state=tmp_path / "state", port_offset=PORT_OFFSET, hadoop_conf=conf)
    make_folders(given.state)
    return local_settings(given)


@contextmanager
def name_node(settings: Settings) -> Iterator[Hdfs]:
    found = services(settings, Machine(find_java(os.environ), Path("/absent")))
    (service,) = [each for each in found if each.name == "namenode"]
    for once in service.prepare:
        if not once.is_done():
            once.marker.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(once.argv, env=service.environment, check=True, capture_output=True, timeout=60)
            once.marker.touch()
    hdfs, until = Hdfs(settings), time.monotonic() + 60
    with subprocess.Popen(service.argv, env=service.environment, stderr=subprocess.DEVNULL) as process:
        try:
            while True:
                try:
                    hdfs.exists("/")
                    break
                except HdfsError:
                    assert time.monotonic() < until and process.poll() is None
                    time.sleep(0.2)
            yield hdfs
        finally:
            process.kill()


def changes_since_image(settings: Settings) -> int:
    url = f"http://127.0.0.1:{settings.namenode_http_port}/jmx?qry=Hadoop:service=NameNode,name=NameNodeInfo"
    with requests.Session() as session:
        session.trust_env = False
        (bean,) = session.get(url, timeout=30).json()["beans"]
    info = json.loads(bean["JournalTransactionInfo"])
    return int(info["LastAppliedOrWrittenTxId"]) - int(info["MostRecentCheckpointTxId"])


def test_after_a_checkpoint_a_start_reads_only_what_changed_since(settings: Settings) -> None:
    with name_node(settings) as hdfs:
        for number in range(50):
            hdfs.make_folder(f"/before/{number}")
        assert changes_since_image(settings) > 50
        time.sleep(1.1)  # the period that is set above
        assert checkpoint(settings) == "HDFS's log of changes is merged into its image"
        assert changes_since_image(settings) < 10
        hdfs.make_folder("/after")
    with name_node(settings) as hdfs:  # killed, and started anew
        assert [each.name for each in hdfs.list("/")] == ["after", "before"]
        assert len(hdfs.list("/before")) == 50
        assert changes_since_image(settings) < 20


def test_without_a_name_node_it_says_that_no_checkpoint_was_made(settings: Settings) -> None:
    with pytest.raises(HdfsError, match="HDFS made no checkpoint"):
        checkpoint(settings)


def test_an_hdfs_that_others_run_is_left_to_them(settings: Settings, tmp_path: Path) -> None:
    elsewhere = settings.model_copy(update={"servers": tmp_path / "none"})
    assert checkpoint(elsewhere).startswith("Hadoop is not on this machine")
