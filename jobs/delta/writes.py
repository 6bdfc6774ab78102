"""Writes to Delta tables that take effect once, however many runs try them, and however often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobs.delta.conflicts import retried
from lakehouse.ledger.vocabulary import MESSAGE_KEY

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, DataFrameWriter

# Delta's error classes for «another writer with the same transaction id committed first»; under Spark Connect the
# class arrives in the text of the error alone.
LOST_RACE = ("DELTA_CONCURRENT_TRANSACTION", "ConcurrentTransactionException")


def append_once(frame: DataFrame, path: str, *, app: str, version: int, replace_where: str | None = None) -> None:
    """Appends `frame` to the Delta table at `path` in one commit, unless (`app`, `version`) is there already.

    Delta silently skips a version at or below the last one of `app`, and refuses the second of two concurrent writers.
    In both cases another run made this very write, so both return normally. A caller that needs to know reads the table
    back. With `replace_where`, rows that meet the condition are replaced instead, in the same commit.
    """
    writer = frame.write.format("delta").mode("overwrite" if replace_where else "append")
    writer = with_transaction_id(writer, app, version)
    if replace_where:
        writer = writer.option("replaceWhere", replace_where)

    def write() -> None:
        try:
            writer.save(path)
        except Exception as error:  # the class differs between classic Spark and Connect, the text does not
            if not any(name in str(error) for name in LOST_RACE):
                raise

    retried(write, print, f"{app}, version {version}")


def with_transaction_id(writer: DataFrameWriter, app: str, version: int) -> DataFrameWriter:
    """The writer with a transaction id, by which Delta makes its commit once."""
    return writer.option("txnAppId", app).option("txnVersion", str(version))


def delete_rows(places: DataFrame, path: str, on: Sequence[str] = MESSAGE_KEY) -> None:
    """Deletes the table's rows whose columns `on` are in `places`, in one commit. It may be repeated.

    It is a merge, since the table's log would keep the condition of a DELETE word by word.
    """
    view = "rows_to_delete"
    places.select(*on).distinct().createOrReplaceTempView(view)
    match = " and ".join(f"t.`{name}` = s.`{name}`" for name in on)
    sql = f"merge into delta.`{path}` t using {view} s on {match} when matched then delete"
    retried(lambda: places.sparkSession.sql(sql).collect(), print, f"delete from {path}")
