"""What HDFS needs for a second NameNode: journals, ZooKeeper, who watches each NameNode, and one address for WebHDFS."""

from __future__ import annotations

from collections.abc import Callable

from lakehouse.settings import Settings
from stack.environment import DOCKER, job_environment, spark_home
from stack.probes import port_open, probe_namenode
from stack.services import JavaCommand, Machine, Once, Service

JOURNAL_PORT, ZOOKEEPER_PORT, WATCHER_PORT = 8485, 2181, 8019  # the defaults of each
# Hadoop's jar of the watcher has ZooKeeper's client, but for an interface of its tests. Only Java's verifier looks for that.
_UNVERIFIED = ("-XX:+UnlockDiagnosticVMOptions", "-XX:-BytecodeVerificationRemote")


def standby_services(settings: Settings, machine: Machine) -> tuple[Service, ...]:
    """The servers beside two NameNodes; docker/hdfs-ha says which they are."""
    base = job_environment(settings, machine.java)
    java = JavaCommand(machine.java, settings)
    hdfs = f"{settings.hadoop_conf}:{settings.servers / 'hadoop'}/*"
    watcher = "org.apache.hadoop.hdfs.tools.DFSZKFailoverController"
    # One of the watchers makes their place in ZooKeeper.
    make_place = (
        Once(
            settings.state / "hdfs" / ".place-made",
            java(
                "namenode-watcher", "128m", hdfs, watcher, "-formatZK", "-force", "-nonInteractive", options=_UNVERIFIED
            ),
        ),
    )
    return (
        Service(
            "journalnode",
            java("journalnode", "128m", hdfs, "org.apache.hadoop.hdfs.qjournal.server.JournalNode"),
            base,
        ),
        Service(
            "zookeeper",
            java(
                "zookeeper",
                "96m",
                f"{spark_home() / 'jars'}/*",  # Spark brings ZooKeeper along
                "org.apache.zookeeper.server.ZooKeeperServerMain",
                str(ZOOKEEPER_PORT),
                str(settings.state / "hdfs" / "zookeeper"),
                options=("-Dzookeeper.admin.enableServer=false",),
            ),
            base,
        ),
        Service(
            "namenode-watcher",
            java("namenode-watcher", "128m", hdfs, watcher, options=_UNVERIFIED),
            base,
            needs=("zookeeper", "namenode"),
            prepare=make_place if settings.hdfs_node == "nn1" else (),
        ),
        Service(
            "webhdfs",
            ("/usr/sbin/nginx", "-c", str(DOCKER / "nginx" / "webhdfs.conf"), "-e", "stderr", "-g", "daemon off;"),
            {"LANG": "C.UTF-8"},
            address=settings.webhdfs_url,
        ),
    )


def _listens(port: int) -> Callable[[Settings], None]:
    return lambda settings: port_open(port)


STANDBY_PROBES: dict[str, Callable[[Settings], None]] = {
    "journalnode": _listens(JOURNAL_PORT),
    "zookeeper": _listens(ZOOKEEPER_PORT),
    "namenode-watcher": _listens(WATCHER_PORT),
    "webhdfs": probe_namenode,
}
