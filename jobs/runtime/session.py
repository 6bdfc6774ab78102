"""The Spark session of a job: a warm Spark Connect server if the settings name one, else one of the job's own."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jobs.runtime import ship

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from lakehouse.settings import Settings

PROBE_SECONDS = 5.0
BYTES_PER_BATCH = 16 * 2**20
# Spark compiles code for each query. A warm one keeps it between jobs (docker/spark/connect_server.py), but constants such as
# an entry's number make some queries new each time, and its first runs meet all of them: below some ten thousand rows that
# takes longer than it saves. The same holds for planning each query anew between its stages.
COMPILE_FROM_ROWS = 20_000


class SparkUnavailable(Exception):
    """No Spark answers at the address of the settings."""


def spark_session(settings: Settings, name: str) -> SparkSession:
    """Opens the session; to be called before anything else of pyspark is imported.

    Raises:
        SparkUnavailable: nothing listens at `settings.spark_remote`. (The Connect client itself would retry for minutes.)
    """
    if settings.spark_remote:
        _probe(settings.spark_remote)
        os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
        from pyspark.sql.connect.session import SparkSession as ConnectSession

        spark: SparkSession = ConnectSession.builder.remote(settings.spark_remote).create()  # type: ignore[assignment]
    else:
        from pyspark.sql import SparkSession as ClassicSession

        spark = ClassicSession.builder.appName(name).getOrCreate()
    if settings.ship_code:
        ship.send(spark)
    spark.conf.set("spark.sql.session.timeZone", "UTC")  # a day is the broker's day in UTC, wherever Spark runs
    spark.conf.set("spark.sql.ansi.enabled", "false")  # one message that a rule cannot compute must not stop its batch
    spark.conf.set(
        "spark.sql.variable.substitute", "false"
    )  # SQL is taken as it is written: no ${variable} is put into it
    # Kafka's messages come as Spark's own rows, as in a stream. By default those of a batch are made objects and rows again.
    spark.conf.set("spark.sql.sources.useV1SourceList", "avro,csv,json,orc,parquet,text")
    # What Spark hands to a worker at once: events are small, but each may have the 256 KiB that a message can have.
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "5000")
    spark.conf.set("spark.sql.execution.arrow.maxBytesPerBatch", str(BYTES_PER_BATCH))
    tune_for(spark, 0)
    return spark


def tune_for(spark: SparkSession, rows: int | None) -> None:
    """Sets whether the session's queries are compiled and replanned, by the rows that the job is about to handle.

    With None, for a number that is not known, they are replanned alone.
    """
    compiled = rows is not None and rows >= COMPILE_FROM_ROWS
    spark.conf.set("spark.sql.codegen.wholeStage", str(compiled).lower())
    spark.conf.set("spark.sql.codegen.factoryMode", "FALLBACK" if compiled else "NO_CODEGEN")
    spark.conf.set("spark.sql.adaptive.enabled", str(compiled or rows is None).lower())


def _probe(address: str) -> None:
    url = urlsplit(address)
    try:
        with socket.create_connection((url.hostname or "", url.port or 15002), timeout=PROBE_SECONDS):
            pass
    except OSError as error:
        raise SparkUnavailable(
            f"Spark Connect does not answer at {address} ({error}); start it (`make up`), or unset "
            "LAKEHOUSE_SPARK_REMOTE to run with a Spark of the job's own"
        ) from None
