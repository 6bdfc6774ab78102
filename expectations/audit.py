"""The audit of a batch and the audit of a day: which checks run over which rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from expectations.results import NOT_COUNTED, Audit, AuditError, ExpectationResult, RowCounts
from expectations.rulebook import BATCH, DAY, GOOD, load_rules
from expectations.suites import GOOD_ROW, batch_suite, day_suite
from expectations.validation import validate, with_conditions
from expectations.verdict import Terms, conclude

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.contract.model import Contracts
    from lakehouse.settings import Settings


def audit_batch(
    checked: DataFrame,
    *,
    name: str,
    contracts: Contracts,
    event_types: Sequence[str],
    good_rows: int,
    history: Sequence[int],
    mix: Mapping[str, float],
    settings: Settings,
    held_by_rows: bool = True,
    waived: bool = False,
    rows: RowCounts = NOT_COUNTED,
) -> Audit:
    """Audits one batch. `checked` should be cached: it is read about ten times.

    checked: a row per message, with topic, topic_id, partition, offset, kafka_timestamp, event_date, event_id,
    event_type, reason_code (null: good), duplicate, player, row_rules.BROKEN, and <event_type>__<field> for each own
    field of `event_types`.
    good_rows: how many messages keep their contract and are no repetitions.
    history: sizes of the last batches, newest first. mix: share of each event type over them.
    held_by_rows: whether too many rows that break a rule of rows hold all (not in a replay).
    waived: a person accepts whatever is found; the verdict is then never failed.
    rows: how many rows `checked` has, for the record of each check.

    Raises:
        RuleError: a rule file is not of the form.
        AuditError: a critical check could not be run.
    """
    planned = batch_suite(contracts, load_rules(settings.rules), event_types, history, mix, good_rows)
    flags = ("cast(reason_code is not null as int) as rejected", "cast(duplicate as int) as duplicated")
    batch, unusable = with_conditions(checked.selectExpr("*", *flags), planned)
    results = unusable + validate(batch, [each for each in planned if each.scope == BATCH or each.column], unusable)
    results += validate(batch.where(GOOD_ROW), [each for each in planned if each.scope == GOOD and not each.column])
    return conclude(name, planned, results, settings, Terms(good_rows, held_by_rows, waived, rows))


def audit_day(tables: Mapping[str, DataFrame], *, name: str, settings: Settings) -> Audit:
    """Audits one day. `tables`: the day's rows of the daily tables, and `player_inventory`, by name.

    Raises:
        RuleError: a rule file is not of the form.
        AuditError: a critical check could not be run, or a rule is about a table that is not among `tables`.
    """
    rules = load_rules(settings.rules)
    about = sorted({str(rule.table) for rule in rules if rule.scope == DAY})
    unknown = [table for table in about if table not in tables]
    if unknown:
        raise AuditError(
            f"{name}: a rule is about the table {unknown[0]}; the audit of a day has {', '.join(sorted(tables))}"
        )
    empty = [table for table in about if not tables[table].limit(1).collect()]
    planned = day_suite(rules, empty)
    results: list[ExpectationResult] = []
    for table in about:
        own = [each for each in planned if each.table == table]
        frame = tables[table]
        frame, unusable = with_conditions(frame, own)
        results += unusable + validate(frame, own, unusable)
    return conclude(name, planned, results, settings, Terms())
