"""The Spark session of a job: on a warm Spark Connect server if the settings name one, else of the job's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jobs.runtime import ship
from lakehouse.clients.spark import PAST_PROXIES, check_answers

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from lakehouse.settings import Settings

BYTES_PER_BATCH = 16 * 2**20
# Spark compiles code for each query. A warm server keeps it between jobs (docker/spark/connect_server.py). But
# constants such as an entry's number make some queries new each time, and to the first runs all queries are new. Below
# some ten thousand rows compiling takes longer than it saves. The same holds for adaptive execution, which plans a
# query again between its stages.
COMPILE_FROM_ROWS = 20_000


def spark_session(settings: Settings, name: str) -> SparkSession:
    """Opens the session. Call it before anything else of pyspark is imported.

    Raises:
        SparkUnavailable: nothing listens at `settings.spark_remote`. (The Connect client would retry for minutes.)
    """
    if settings.spark_remote:
        check_answers(settings.spark_remote)
        os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
        from pyspark.sql.connect.client import DefaultChannelBuilder
        from pyspark.sql.connect.session import SparkSession as ConnectSession

        to = DefaultChannelBuilder(settings.spark_remote, PAST_PROXIES)
        spark: SparkSession = ConnectSession.builder.channelBuilder(to).create()  # type: ignore[assignment]
    else:
        from pyspark.sql import SparkSession as ClassicSession

        spark = ClassicSession.builder.appName(name).getOrCreate()
    if settings.ship_code:
        ship.send(spark)
    spark.conf.set("spark.sql.session.timeZone", "UTC")  # a day is the broker's day in UTC, wherever Spark runs
    spark.conf.set("spark.sql.ansi.enabled", "false")  # a row for which a rule cannot be computed must not fail all
    spark.conf.set(
        "spark.sql.variable.substitute", "false"
    )  # SQL is taken as it is written, without replacing ${variable}
    # Kafka's messages come as Spark's internal rows, as in a stream. By default a batch would convert them to objects
    # and back.
    spark.conf.set("spark.sql.sources.useV1SourceList", "avro,csv,json,orc,parquet,text")
    # The batches that Spark sends to a worker. Events are small, but each may have 256 KiB.
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "5000")
    spark.conf.set("spark.sql.execution.arrow.maxBytesPerBatch", str(BYTES_PER_BATCH))
    tune_for(spark, 0)
    return spark


def tune_for(spark: SparkSession, rows: int | None) -> None:
    """Sets whether the session's queries are compiled and planned adaptively, by the number of rows to come.

    With None, an unknown number, they are only planned adaptively.
    """
    compiled = rows is not None and rows >= COMPILE_FROM_ROWS
    spark.conf.set("spark.sql.codegen.wholeStage", str(compiled).lower())
    spark.conf.set("spark.sql.codegen.factoryMode", "FALLBACK" if compiled else "NO_CODEGEN")
    spark.conf.set("spark.sql.adaptive.enabled", str(compiled or rows is None).lower())
