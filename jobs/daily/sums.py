"""Sums of whole numbers, computed as decimals: a 64-bit sum would overflow into negative numbers silently."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lakehouse.catalog.spark_sql import literal
from lakehouse.texts import harmless

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

MOST = 2**63 - 1  # in a column of 64 bits
_MARK = "SUM TOO BIG"
_SHOWN = 200  # characters of each name in the message


class SumError(Exception):
    """A sum that a column of 64 bits does not hold. The message says whose sum it is, and what to do."""


def summed(rows: DataFrame, by: Sequence[str], value: str, *, when: str, remedy: str) -> DataFrame:
    """Groups by the columns `by` and sums `value`, as a bigint of that name.

    A sum that is too big makes the query fail, which `named_errors` turns into a SumError. `when`: the time of the
    rows, for the message. `remedy`: what to do.
    """
    from pyspark.sql import functions as F

    total = "cast({} as decimal(20, 0))"
    whose = ", ".join(f"{literal(f', {name} ')}, coalesce(substr(`{name}`, 1, {_SHOWN}), 'none')" for name in by)
    words = (
        f"concat({literal(f'{_MARK}: {when}')}, {whose}, {literal(f': the sum of {value} is ')}, cast(total as string), "
        f"{literal(f', more than 64 bits hold ({MOST}). {remedy} {_MARK}')})"
    )
    fits = f"total between {total.format(f'-{MOST}')} and {total.format(MOST)}"
    return (
        rows.groupBy(*by)
        .agg(F.expr(f"sum({total.format(f'`{value}`')})").alias("total"))
        .selectExpr(
            *[f"`{name}`" for name in by], f"if({fits}, cast(total as bigint), raise_error({words})) as `{value}`"
        )
    )


@contextmanager
def named_errors() -> Iterator[None]:
    """Raises a SumError if a query failed by a sum that is too big. Spark's own error is pages long."""
    try:
        yield
    except Exception as error:
        found = re.search(rf"{_MARK}: (.*?) {_MARK}", str(error), re.DOTALL)
        if found is None:
            raise
        raise SumError(harmless(found[1])) from None
