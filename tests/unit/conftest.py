"""What unit tests share: a state folder of their own, and one local Spark session, without servers and without Delta."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator

import pytest
from py4j.java_gateway import JavaClass, JavaMember, JavaPackage, JVMView
from pyspark.sql import SparkSession

from jobs.runtime import garbage

# Of one compiler alone Java keeps 48 MB of code. Spark fills them, and what was thrown away is compiled again.
# And Java would look through all of its memory each time that it has loaded some more classes.
JAVA_OPTIONS = (
    "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:MetaspaceSize=512m -Xms1g -Xmn600m"
)


def pytest_collection() -> None:
    """What is imported is no garbage; to look it through again and again takes 0.4 of the time of collecting the tests."""
    garbage.look_seldom()


def pytest_collection_finish() -> None:
    """It stays to the end."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The state folder of commands under test: no log and no key of a stack in the checkout is a test's to write."""
    os.environ["LAKEHOUSE_STATE"] = str(tmp_path_factory.mktemp("state"))
    return os.environ["LAKEHOUSE_STATE"]


def look_up_once(kind: type[JVMView | JavaPackage | JavaClass]) -> None:
    """Keeps what Java says a name is. PySpark asks again for each call, and Java then looks through its 290 archives."""
    look_up = kind.__getattr__

    def kept(self: JVMView | JavaPackage | JavaClass, name: str) -> object:
        found = look_up(self, name)
        if isinstance(found, JavaPackage | JavaClass | JavaMember):
            self.__dict__[name] = found
        return found

    kind.__getattr__ = kept


@pytest.fixture(scope="session")
def spark(state: str) -> Iterator[SparkSession]:
    """A classic Spark session on one core; its tables are data frames of the test's own."""
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ["PYSPARK_PYTHON"] = sys.executable  # of the workers, which judge
    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.ansi.enabled", "false")
        .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        .config("spark.sql.codegen.wholeStage", "false")  # compiling takes longer than a test's few rows
        .config("spark.sql.adaptive.enabled", "false")
        .config("spark.sql.ui.explainMode", "simple")  # each query is written down for pages that nobody sees
        .config("spark.buffer.pageSize", "256k")  # each aggregate and join takes one, of 16 MB, for a few rows
        .config("spark.sql.ui.retainedExecutions", "1")  # kept, they fill the memory, which is then collected again
        .config("spark.ui.retainedJobs", "1")
        .config("spark.ui.retainedStages", "1")
        .config("spark.ui.retainedTasks", "1")
        .config("spark.python.sql.dataFrameDebugging.enabled", "false")  # who calls is three calls of Java each time
        .config("spark.python.daemon.module", "jobs.runtime.worker_daemon")
        .config(
            "spark.driver.extraJavaOptions",
            f"{JAVA_OPTIONS} -XX:ErrorFile={state}/hs_err_%p.log -XX:-CreateCoredumpOnCrash",
        )
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    for kind in (JVMView, JavaPackage, JavaClass):
        look_up_once(kind)
    yield session
    session.stop()
