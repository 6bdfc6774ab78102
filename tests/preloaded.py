"""Imports what every job imports, for the process that tests fork their jobs from. It saves seconds for each job."""

from __future__ import annotations

import os

os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
os.environ["GX_ANALYTICS_ENABLED"] = "false"

import kafka  # noqa: F401
import pyspark.sql.connect.session
import pyspark.sql.functions  # noqa: F401

import jobs.entries.commit  # noqa: F401
from expectations.validation import prepare

prepare()
