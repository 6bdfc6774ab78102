"""Brings our code to Spark's workers, for a cluster on whose machines it is not installed."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.settings import CHECKOUT

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PACKAGES = ("expectations", "jobs", "lakehouse")  # the judging code and its imports


def send(spark: SparkSession) -> None:
    """Sends an archive of PACKAGES, from which the workers of this session import.

    Libraries must be installed there.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive = write_archive(Path(folder) / "lakehouse_code.zip")
        spark.addArtifacts(str(archive), pyfile=True)


def write_archive(archive: Path) -> Path:
    """Writes PACKAGES, without compiled code and pages, as an archive that Python can import from."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        for package in PACKAGES:
            for file in sorted((CHECKOUT / package).rglob("*")):
                if file.suffix in (".py", ".yaml"):
                    written.write(file, file.relative_to(CHECKOUT))
    return archive
