"""The servers of the local stack as data: command, needs and ports of each."""

from __future__ import annotations

import uuid
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from pathlib import Path

from lakehouse.settings import Settings
from stack.environment import (
    AIRFLOW_USER,
    DOCKER,
    SPARK_TMP,
    airflow_environment,
    job_environment,
    metastore_environment,
    python_bin,
    redis_server,
    spark_home,
)
from stack.errors import StackError
from stack.java import crash_files

_SMALL_JVM = ("-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError")
_SMALL_AT_FIRST = ("-Xms128m",)  # by default a 64th of the machine's memory; it grows with the number of files
# On two cores Java's optimising compiler would take a third of the start. These options delay it.
_LATE_COMPILER = (
    "-XX:Tier4InvocationThreshold=50000",
    "-XX:Tier4MinInvocationThreshold=6000",
    "-XX:Tier4CompileThreshold=150000",
    "-XX:Tier4BackEdgeThreshold=400000",
)

# What Spark's server and its Python workers may hold, in MB. What bounds it: docs/decisions/0027-memory-of-spark.md.
SPARK_LIMIT_MB = 2900
# Debian's driver for PostgreSQL and what it needs.
_POSTGRES_JARS = "".join(
    f":/usr/share/java/{name}.jar" for name in ("postgresql", "scram-client", "scram-common", "saslprep", "stringprep")
)

# The settings that hold each service's ports.
PORTS: dict[str, tuple[str, ...]] = {
    "kafka": ("kafka_port", "kafka_controller_port"),
    "namenode": ("namenode_port", "namenode_http_port"),
    "datanode": ("datanode_port", "datanode_http_port", "datanode_ipc_port"),
    "metastore": ("metastore_port",),
    "spark": ("spark_connect_port",),
    "trino": ("trino_port",),
    "redis": ("redis_port",),
    "api": ("api_port",),
    "metrics": ("metrics_port",),
    "airflow-api-server": ("airflow_port",),
    "airflow-scheduler": (),
    "airflow-dag-processor": (),
    "airflow-triggerer": (),
}


@dataclass(frozen=True)
class Once:
    """A command that prepares a service's folder before its first start; `marker` is written when it has succeeded.

    `data`: a folder, and a pattern of files in it that only a whole preparation leaves. Where the command would destroy
    what is there, they count as the marker: a copy of a stack may lack it.
    """

    marker: Path
    argv: tuple[str, ...]
    data: tuple[Path, str] | None = None

    def is_done(self) -> bool:
        return self.marker.exists() or (self.data is not None and any(self.data[0].glob(self.data[1])))


@dataclass(frozen=True)
class Service:
    """One supervised server."""

    name: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    needs: tuple[str, ...] = ()  # services that must answer, or steps that must be done, before it is started
    address: str = ""
    login: str = ""
    prepare: tuple[Once, ...] = ()
    stop_seconds: int = 15
    limit_seconds: int = 240  # after this time a start has failed
    memory_limit_mb: int | None = None  # what its processes together should never exceed
    emptied: Path | None = None  # a folder of its own that is emptied before each start


@dataclass(frozen=True)
class Machine:
    """The two Javas of this machine."""

    java: Path
    trino_java: Path
    contracts_hash: str = ""  # the API reads the contracts at its start; it is restarted when they change
    code_hash: str = ""  # Spark's workers keep the code of their start; Spark is restarted when it changes


def services(settings: Settings, machine: Machine) -> tuple[Service, ...]:
    """All services, in the order in which they are shown."""
    java = JavaCommand(machine.java, settings)
    base = job_environment(settings, machine.java)
    return (
        _kafka(settings, java, base),
        *_hdfs(settings, java, base),
        _metastore(settings, java, base),
        _spark(settings, machine),
        _trino(settings, machine, base),
        _redis(settings, base),
        _api(settings, machine, base),
        _metrics(settings, base),
        *_airflow(settings, base | airflow_environment(settings)),
    )


def _kafka(settings: Settings, java: JavaCommand, base: dict[str, str]) -> Service:
    path = f"{settings.servers / 'kafka'}/*"
    configuration = str(DOCKER / "kafka" / "server.properties")
    return Service(
        "kafka",
        java("kafka", "384m", path, "kafka.Kafka", configuration),
        base | _kafka_node(settings),
        address=settings.kafka_bootstrap,
        prepare=(
            Once(
                settings.state / "kafka" / ".formatted",
                java("kafka", "128m", path, "kafka.tools.StorageTool", "format", *_kafka_quorum(settings))
                + ("--ignore-formatted", f"--cluster-id={_kafka_id(str(settings.state))}", "-c", configuration),
            ),
        ),
        stop_seconds=30,
    )


def _hdfs(settings: Settings, java: JavaCommand, base: dict[str, str]) -> tuple[Service, Service]:
    path = _hdfs_path(settings)
    name_node = "org.apache.hadoop.hdfs.server.namenode.NameNode"
    data_node = "org.apache.hadoop.hdfs.server.datanode.DataNode"
    return (
        Service(
            "namenode",
            java("namenode", settings.namenode_heap, path, name_node, options=_SMALL_AT_FIRST),
            base,
            address=f"{settings.hdfs_uri} http://127.0.0.1:{settings.namenode_http_port}",
            prepare=(
                Once(
                    settings.state / "hdfs" / ".formatted",
                    java("namenode", "128m", path, name_node, *_new_name_node(settings)),
                    data=(settings.state / "hdfs" / "name" / "current", "fsimage_*.md5"),
                ),
            ),
        ),
        Service(
            "datanode",
            java("datanode", settings.datanode_heap, path, data_node, options=_SMALL_AT_FIRST),
            base,
            needs=("namenode",),
            address=f"http://127.0.0.1:{settings.datanode_http_port}",
        ),
    )


def hdfs_checkpoint(settings: Settings, java: Path) -> tuple[str, ...]:
    """The command of Hadoop that merges a lone NameNode's log of changes into its image, and ends.

    It has all that the NameNode has in its memory, so it gets as large a heap.
    """
    program = "org.apache.hadoop.hdfs.server.namenode.SecondaryNameNode"
    options = ("-checkpoint", "force")
    heap, path = settings.namenode_heap, _hdfs_path(settings)
    return JavaCommand(java, settings)("hdfs-checkpoint", heap, path, program, *options)


def _hdfs_path(settings: Settings) -> str:
    jars = settings.servers
    # Hadoop's own jar lacks the .html files.
    return f"{settings.hadoop_conf}:{jars / 'hadoop-pages'}:{jars / 'hadoop'}/*"


def _metastore(settings: Settings, java: JavaCommand, base: dict[str, str]) -> Service:
    jars, database = settings.servers, settings.database
    path = f"{DOCKER / 'metastore'}:{settings.hadoop_conf}:{jars / 'metastore'}/*:{jars / 'hadoop'}/*"
    if database is not None:
        path += _POSTGRES_JARS
    return Service(
        "metastore",
        java(
            "metastore",
            "256m",
            path,
            "org.apache.hadoop.hive.metastore.HiveMetaStore",
            options=("-Dlog4j2.level=WARN", f"-Dderby.stream.error.file={settings.state / 'logs' / 'derby.log'}"),
        ),
        base | metastore_environment(settings),
        needs=("datanode",),
        address=settings.metastore_uri,
        prepare=() if database is None else (_metastore_tables(settings, java, path),),
    )


def _spark(settings: Settings, machine: Machine) -> Service:
    tmp = settings.state / SPARK_TMP
    return Service(
        "spark",
        (
            str(spark_home() / "bin" / "spark-submit"),
            "--name",
            "lakehouse",
            "--master",
            settings.spark_master,
            *_driver_of_a_cluster(settings),
            # Unlike in spark-defaults, the optimising compiler is not delayed: this server runs for days.
            "--driver-java-options",
            "-XX:+UseSerialGC",
            "--conf",
            f"spark.connect.grpc.binding.address={settings.bind}",
            "--conf",
            f"spark.connect.grpc.binding.port={settings.spark_connect_port}",
            "--conf",
            "spark.connect.session.manager.defaultSessionTimeout=10m",
            str(DOCKER / "spark" / "connect_server.py"),
        ),
        # By default glibc makes up to eight arenas a core, and gives little of them back.
        job_environment(settings, machine.java, tmp) | {"STACK_CODE_HASH": machine.code_hash, "MALLOC_ARENA_MAX": "2"},
        address=settings.spark_remote or "",
        memory_limit_mb=SPARK_LIMIT_MB,
        emptied=tmp,
    )


def _trino(settings: Settings, machine: Machine, base: dict[str, str]) -> Service:
    state, jars, configuration = settings.state, settings.servers / "trino", DOCKER / "trino"
    return Service(
        "trino",
        (
            str(machine.trino_java / "bin" / "java"),
            f"-Xmx{settings.trino_heap}",
            *_SMALL_JVM,
            *_LATE_COMPILER,
            *crash_files(state, "trino"),
            "-Djdk.attach.allowAttachSelf=true",
            f"-Djava.io.tmpdir={state / 'tmp'}",
            f"-Dconfig={configuration / 'config.properties'}",
            f"-Dlog.levels-file={configuration / 'log.properties'}",
            f"-Dcatalog.config-dir={configuration / 'catalog'}",
            f"-Dplugin.dir={jars / 'plugin'}",
            f"-Dnode.data-dir={state / 'trino'}",
            "-Dnode.environment=lakehouse",
            "-Dnode.id=trino-1",
            f"-Dnode.bind-ip={settings.bind}",
            f"-Dnode.internal-address={settings.host}",
            "-cp",
            f"{jars / 'lib'}/*",
            "io.trino.server.TrinoServer",
        ),
        base | {"LAKEHOUSE_TRINO_CONF": str(configuration)},
        needs=("metastore",),  # it does not need it, but would take the cores from the servers that `up` waits for
        address=settings.trino_url,
        login="any name",
    )


def _redis(settings: Settings, base: dict[str, str]) -> Service:
    return Service(
        "redis",
        (str(redis_server()), str(DOCKER / "redis" / "redis.conf"))
        + ("--bind", settings.bind, "--port", str(settings.redis_port))
        + ("--maxmemory", settings.redis_max_memory, "--dir", str(settings.state / "tmp")),
        base,
        address=settings.redis_url or "",
    )


def _api(settings: Settings, machine: Machine, base: dict[str, str]) -> Service:
    return Service(
        "api",
        (str(python_bin() / "python"), "-m", "api"),
        base
        | {
            "PROMETHEUS_MULTIPROC_DIR": str(settings.state / "tmp" / "api-metrics"),
            "STACK_CONTRACTS_HASH": machine.contracts_hash,
        },
        needs=("topics",),
        address=settings.api_url,
    )


def _metrics(settings: Settings, base: dict[str, str]) -> Service:
    return Service(
        "metrics",
        (str(python_bin() / "python"), "-m", "operations.cli", "metrics"),
        base,
        needs=("views",),
        address=f"{settings.metrics_url}/metrics",
    )


def _airflow(settings: Settings, environment: dict[str, str]) -> tuple[Service, ...]:
    program, state = str(python_bin() / "airflow"), settings.state / "airflow"
    # All logs lie where the API server reads them, so nobody needs a server of logs, which would listen on all interfaces.
    return (
        Service(
            "airflow-api-server",
            (program, "api-server"),
            environment,
            address=settings.airflow_url,
            login=f"{AIRFLOW_USER}, password in {state / 'passwords.json'}",
            prepare=(Once(state / ".migrated-3.3.2", (program, "db", "migrate")),),
        ),
        Service(
            "airflow-scheduler",
            (program, "scheduler", "--skip-serve-logs"),
            environment,
            needs=("airflow-api-server", "topics", "tables"),  # its first runs begin at once
            stop_seconds=30,
        ),
        Service("airflow-dag-processor", (program, "dag-processor"), environment, needs=("airflow-api-server",)),
        Service(
            "airflow-triggerer",
            (program, "triggerer", "--skip-serve-logs"),
            environment,
            needs=("airflow-api-server",),
        ),
    )


@dataclass(frozen=True)
class JavaCommand:
    """Builds the command line of a server that runs on Java 17."""

    home: Path
    settings: Settings
    common: tuple[str, ...] = field(default=(*_SMALL_JVM, "-XX:TieredStopAtLevel=1"))

    def __call__(
        self, service: str, heap: str, class_path: str, *program: str, options: tuple[str, ...] = ()
    ) -> tuple[str, ...]:
        return (
            str(self.home / "bin" / "java"),
            f"-Xmx{heap}",
            *self.common,
            *crash_files(self.settings.state, service),
            f"-Djava.io.tmpdir={self.settings.state / 'tmp'}",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss",
            *options,
            "-cp",
            class_path,
            *program,
        )


def _metastore_tables(settings: Settings, java: JavaCommand, class_path: str) -> Once:
    """Derby lets the metastore make its own tables late; PostgreSQL does not."""
    tool = java("metastore", "256m", class_path, "org.datanucleus.store.schema.SchemaTool", "-api", "JDO", "-create")
    return Once(
        settings.state / "metastore" / ".tables-made",
        (
            str(python_bin() / "python"),
            "-m",
            "stack.containers.metastore_schema",
            str(settings.servers / "metastore"),
            *tool,
        ),
    )


def _kafka_id(name: str) -> str:
    """An id as Kafka writes them, which follows from a name: the same on all nodes, and at each start."""
    return urlsafe_b64encode(uuid.uuid5(uuid.NAMESPACE_URL, name).bytes).decode().rstrip("=")


def _kafka_node(settings: Settings) -> dict[str, str]:
    """What Kafka's server.properties names that differs from node to node."""
    try:
        address = settings.kafka_bootstrap.split(",")[settings.kafka_node - 1]
        controller = settings.kafka_controllers.split(",")[settings.kafka_node - 1]
    except IndexError:
        raise StackError(
            f"LAKEHOUSE_KAFKA_NODE={settings.kafka_node}, but LAKEHOUSE_KAFKA_BOOTSTRAP={settings.kafka_bootstrap} and "
            f"LAKEHOUSE_KAFKA_CONTROLLERS={settings.kafka_controllers} do not both name so many"
        ) from None
    return {"LAKEHOUSE_KAFKA_ADDRESS": address, "LAKEHOUSE_KAFKA_CONTROLLER": controller}


def _kafka_quorum(settings: Settings) -> tuple[str, ...]:
    """Who votes when a cluster is formatted: this node alone, or all controllers, each with the id of its folder."""
    controllers = settings.kafka_controllers.split(",")
    if len(controllers) == 1:
        return ("--standalone",)
    voters = (f"{node}@{each}:{_kafka_id(each)}" for node, each in enumerate(controllers, start=1))
    return ("--initial-controllers", ",".join(voters))


def _new_name_node(settings: Settings) -> tuple[str, ...]:
    """The first one begins with nothing; the second one with a copy of what the first one has."""
    return ("-format", "-force", "-nonInteractive") if settings.hdfs_node == "nn1" else ("-bootstrapStandby", "-force")


def _driver_of_a_cluster(settings: Settings) -> tuple[str, ...]:
    """Options of a Spark whose tasks run on other machines: how they find it, and a size for what is left to it."""
    if settings.spark_master.startswith("local"):
        return ()
    crash = " ".join(crash_files(settings.state, "spark-executor"))
    options = {
        "spark.driver.memory": "1000m",
        "spark.driver.bindAddress": settings.bind,
        "spark.driver.host": settings.host,
        "spark.executor.memory": "640m",
        "spark.executor.cores": "1",
        "spark.executor.extraJavaOptions": f"-XX:+UseSerialGC -Djdk.nio.maxCachedBufferSize=1048576 {crash}",
        # A killed worker is noticed, and its tasks are run again, well before a run is given up.
        "spark.network.timeout": "60s",
    }
    return tuple(part for name, value in options.items() for part in ("--conf", f"{name}={value}"))
