"""The warm Spark: a Connect server whose sessions share compiled code. spark-submit runs it.

Spark's own SparkConnectServer gives each session a class loader, for classes that its client may send, and Spark caches
compiled code by class loader. Our jobs send no classes, but each has a session of its own: so each job would compile
all of its queries anew.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from pyspark.sql import SparkSession

from jobs.runtime import leftovers

if __name__ == "__main__":
    SparkSession.builder.config("spark.plugins", "org.apache.spark.sql.connect.SparkConnectPlugin").getOrCreate()
    while True:
        time.sleep(leftovers.EVERY_SECONDS)
        leftovers.tidy(Path(os.environ["TMPDIR"]), time.time())
