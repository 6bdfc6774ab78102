"""All settings, read once at an entry point from the environment (prefix LAKEHOUSE_) into one frozen value."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableError

from lakehouse import addresses
from lakehouse.checkout import CHECKOUT as CHECKOUT


class SettingsError(ValueError):
    """A setting has a value that cannot be used; the message names it."""


def _port(default: int) -> Any:
    """A port whose default moves with `port_offset`, so that a second stack needs only that one setting."""
    return Field(default_factory=lambda data: default + data["port_offset"], ge=1, le=65535)


def _derived(make: Callable[[dict[str, Any]], Any]) -> Any:
    return Field(default_factory=make)


class Settings(BaseSettings):
    """Addresses, folders and limits. Each field is the environment variable LAKEHOUSE_<FIELD IN CAPITALS>."""

    model_config = SettingsConfigDict(env_prefix="LAKEHOUSE_", frozen=True, extra="forbid")

    # Folders of the local stack
    state: Path = CHECKOUT / ".stack"  # logs, data and pages of one stack
    servers: Path = CHECKOUT / ".servers"  # the servers' jars, shared by all stacks of the checkout

    bind: str = "127.0.0.1"  # the address that the servers listen on
    host: str = "127.0.0.1"  # the name by which servers of other machines find those of this one
    datanode_host: str = "127.0.0.1"  # where WebHDFS sends its callers

    # Ports of the local stack; a second stack beside the first sets port_offset
    port_offset: int = Field(default=0, ge=0, le=50_000)
    api_port: int = _port(5000)
    trino_port: int = _port(8080)
    airflow_port: int = _port(8090)
    kafka_port: int = _port(9092)
    kafka_controller_port: int = _port(9093)
    namenode_port: int = _port(9820)
    namenode_http_port: int = _port(9870)
    datanode_port: int = _port(9866)
    datanode_http_port: int = _port(9864)
    datanode_ipc_port: int = _port(9867)
    metastore_port: int = _port(9083)
    spark_connect_port: int = _port(15002)
    metrics_port: int = _port(9464)
    redis_port: int = _port(6379)

    # Addresses; on a cluster they are set, on the local stack they follow from the ports
    kafka_bootstrap: addresses.HostPorts = _derived(lambda d: f"127.0.0.1:{d['kafka_port']}")
    hdfs_uri: addresses.FileSystem = _derived(lambda d: f"hdfs://127.0.0.1:{d['namenode_port']}")
    webhdfs_url: addresses.Page = _derived(lambda d: f"http://127.0.0.1:{d['namenode_http_port']}/webhdfs/v1")
    metastore_uri: addresses.Thrift = _derived(lambda d: f"thrift://127.0.0.1:{d['metastore_port']}")
    trino_url: addresses.Server = _derived(lambda d: f"http://127.0.0.1:{d['trino_port']}")
    airflow_url: addresses.Page = _derived(lambda d: f"http://127.0.0.1:{d['airflow_port']}")
    api_url: addresses.Server = _derived(lambda d: f"http://127.0.0.1:{d['api_port']}")
    metrics_url: addresses.Page = _derived(lambda d: f"http://127.0.0.1:{d['metrics_port']}")
    # Where people find what servers find at the addresses above: in containers the two differ
    airflow_page_url: addresses.Page = _derived(lambda d: d["airflow_url"])
    trino_page_url: addresses.Page = _derived(lambda d: d["trino_url"])
    api_page_url: addresses.Page = _derived(lambda d: d["api_url"])
    # Brokers in the order of their node ids, as kafka_bootstrap names them; each is a controller too
    kafka_controllers: addresses.HostPorts = _derived(lambda d: f"127.0.0.1:{d['kafka_controller_port']}")
    kafka_node: int = Field(default=1, ge=1)  # which of the brokers this machine runs
    # Where the warm Spark runs its tasks; spark://host:port on a cluster
    spark_master: addresses.SparkMaster = "local[2]"
    ship_code: bool = False  # jobs bring their code to Spark's workers, where it is not installed
    # redis://host:port/0 of the live state; none or empty: there is no live state
    redis_url: addresses.Redis | None = None
    # sc://host:port of a warm Spark Connect server; none or empty: a session of the job's own
    spark_remote: addresses.SparkConnect | None = None

    # PostgreSQL for Airflow and the metastore, host:port; none: SQLite and Derby, of one machine
    database: addresses.HostPort | None = None
    database_password_file: Path = _derived(lambda d: d["state"] / "database.password")

    # Where tables and pages live
    warehouse: addresses.HdfsFolder = "/lakehouse"  # folder in HDFS
    hadoop_conf: Path = CHECKOUT / "docker" / "hdfs"  # the folder of Hadoop's configuration
    hdfs_node: str = Field(default="nn1", pattern="^nn[12]$")  # which of two NameNodes this machine runs
    hdfs_replication: int = Field(default=1, ge=1)  # DataNodes that hold each block
    contracts: Path = CHECKOUT / "contracts"
    rules: Path = CHECKOUT / "expectations" / "rules"  # hand-written batch checks and business rules
    quality: Path = _derived(
        lambda d: d["state"] / "quality"
    )  # where older versions kept pages; maintenance empties it

    # Kafka
    topic_partitions: int = Field(default=3, ge=1)
    topic_replication: int = Field(default=1, ge=1)
    topic_min_insync: int = Field(default=1, ge=1)  # brokers that have a message before it is acknowledged
    consumer_group: str = "lakehouse"  # mirrors how far ingest is, as a hint; never the cursor
    ack_timeout_seconds: float = Field(default=10.0, gt=0)
    linger_ms: int = Field(default=3, ge=0, le=100)  # how long the API waits for more messages to send together

    # Memory
    trino_heap: str = Field(default="1G", pattern=r"^\d+[mMgG]$")
    namenode_heap: str = Field(default="1g", pattern=r"^[1-9]\d*[mMgG]$")  # each file and block takes of it for good
    datanode_heap: str = Field(default="512m", pattern=r"^[1-9]\d*[mMgG]$")
    redis_max_memory: str = Field(default="512mb", pattern=r"^[1-9]\d*(mb|gb)$")  # when it is full, writes fail

    # Limits
    max_events_per_batch: int = Field(default=1_000_000, ge=1)
    max_event_bytes: int = Field(default=262_144, ge=1_024)  # of one message value; larger ones are quarantined
    kill_at: str | None = None  # tests only: the named point at which a job kills itself
    stop_at: str | None = None  # tests only: the named point at which a job stops itself (SIGSTOP), as if it hung
    header_rules: dict[str, str] = Field(default_factory=dict)  # JSON: header name -> keep, drop, hash or set VALUE
    max_body_bytes: int = Field(default=8 * 2**20, ge=1_024)  # of one HTTP request
    max_batch_events: int = Field(default=10_000, ge=1)  # of one request to /v1/events
    max_header_bytes: int = Field(default=16_384, ge=1_024)  # of all headers of one HTTP request
    ingest_every_minutes: int = Field(default=5, ge=1, le=59)
    expiry_warning_hours: int = Field(default=24, ge=0)  # warn when unread messages expire within this time
    abandon_after_minutes: int = Field(default=60, ge=1)  # so old, an undecided entry that is no ingest is abandoned

    # Live state
    kept_notifications: int = Field(default=10_000, ge=1)  # the newest, about so many
    max_listeners: int = Field(default=32, ge=1)  # of notifications at once, in each process of the API

    # Maintenance
    vacuum_hours: int = Field(default=168, ge=168)  # the age at which files are deleted that no table version needs
    airflow_history_days: int = Field(default=30, ge=8)  # Airflow's runs and logs; an approval may take a week
    compact_from_files: int = Field(default=10, ge=2)  # a day's partition with so many small files is compacted

    # Erasure
    erasure_key_file: Path = _derived(lambda d: d["state"] / "erasure.key")  # keys the hash of erased players
    erasure_list_file: Path = _derived(lambda d: d["state"] / "erasures.jsonl")  # who was erased, for restores (hashes)
    erase_player: str | None = None  # the player that jobs/erase.py erases; others could see an argument

    @property
    def warehouse_uri(self) -> str:
        """Full path of the folder that holds all tables."""
        return self.hdfs_uri + self.warehouse

    @classmethod
    def load(cls) -> Settings:
        """Reads the environment.

        Raises:
            SettingsError: names the variable, the value and what is allowed.
        """
        try:
            return cls()
        except ValidationError as error:
            first = error.errors()[0]
            name = "LAKEHOUSE_" + "_".join(str(part) for part in first["loc"]).upper()
            given = re.sub("//.*@", "//...@", repr(first.get("input")))  # without a login
            raise SettingsError(f"{name}={given}: {first['msg']}") from None
        except UnreadableError as error:
            name = "".join(re.findall('field "(.*?)"', str(error))).upper()
            raise SettingsError(f"LAKEHOUSE_{name} is no JSON: {error.__cause__}") from None
