"""The x-rules of contracts as Spark SQL over judged rows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from jobs.judging.batches import wide_name
from lakehouse.catalog.spark_sql import literal
from lakehouse.contract.conditions import ConditionError, rename_fields
from lakehouse.contract.model import ContractError

if TYPE_CHECKING:
    from lakehouse.contract.model import Contract, Contracts, Rule


def first_broken(contracts: Contracts) -> str:
    """SQL: the name of the first rule that a row of its event type breaks; null if it breaks none.

    A rule is broken when its condition is false, not when it is null.

    Raises:
        ContractError: a condition cannot be read.
    """
    cases = [
        f"when event_type = {literal(contract.event_type)} and not coalesce({_over_columns(contract, rule)}, true) "
        f"then {literal(rule.name)}"
        for contract in contracts.values()
        for rule in contract.rules
    ]
    return f"case {' '.join(cases)} end" if cases else "cast(null as string)"


def _over_columns(contract: Contract, rule: Rule) -> str:
    """The rule's condition with the contract's fields as columns of the frame of all types."""
    column = partial(wide_name, contract.event_type)
    try:
        return rename_fields(rule.condition, [each.name for each in contract.fields], lambda name: f"`{column(name)}`")
    except ConditionError as error:
        raise ContractError(
            f"the contract of {contract.event_type}, x-rules, {rule.name}: {error}; write one Spark SQL condition over "
            "the contract's own fields"
        ) from None
