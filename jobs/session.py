"""The Spark session of a job: a warm Spark Connect server if the settings name one, else one of the job's own."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from lakehouse.settings import Settings

PROBE_SECONDS = 5.0


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

        return ConnectSession.builder.remote(settings.spark_remote).create()  # type: ignore[return-value]
    from pyspark.sql import SparkSession

    return SparkSession.builder.appName(name).getOrCreate()


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
