"""In a condition exactly the fields are found, whatever their names."""

from __future__ import annotations

import pytest

from lakehouse.contract.conditions import ConditionError, rename_fields

FIELDS = ("action", "items", "quantity", "date", "end", "text", "case")


def renamed(condition: str) -> str:
    return rename_fields(condition, FIELDS, lambda name: f"`t__{name}`")


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("action <> 'action' OR action IS NOT NULL", "`t__action` <> 'action' OR `t__action` IS NOT NULL"),
        ("size(items) > 0 AND items[0].action = 'x'", "size(`t__items`) > 0 AND `t__items`[0].action = 'x'"),
        ("items.quantity[0] > quantity", "`t__items`.quantity[0] > `t__quantity`"),
        ("date > date '2026-01-01'", "`t__date` > date '2026-01-01'"),
        ("date(date) = date", "date(`t__date`) = `t__date`"),
        ("end > 1 and case when end < 5 then true end", "`t__end` > 1 and case when `t__end` < 5 then true end"),
        ("`case` = 1", "`t__case` = 1"),
        ("not exists(items, x -> x.quantity > quantity)", "not exists(`t__items`, x -> x.quantity > `t__quantity`)"),
        ("exists(items, items -> items.quantity < 1)", "exists(`t__items`, items -> items.quantity < 1)"),
        ("aggregate(items, 0L, (a, x) -> a + x.quantity) < 9", "aggregate(`t__items`, 0L, (a, x) -> a + x.quantity) < 9"),
        ("Quantity between 1 and 2", "`t__quantity` between 1 and 2"),
        ("text rlike r'\\d text' or text = \"text\"", "`t__text` rlike r'\\d text' or `t__text` = \"text\""),
        ("text = 'it''s text' or text = 'a\\' text'", "`t__text` = 'it''s text' or `t__text` = 'a\\' text'"),
        ("other = 1", "other = 1"),
    ],
)  # fmt: skip
def test_fields_are_renamed_and_nothing_else(condition: str, wanted: str) -> None:
    assert renamed(condition) == wanted


@pytest.mark.parametrize("condition", ["quantity >", "(quantity > 1", "quantity > 1)", "quantity > 'a", ""])
def test_what_is_no_condition_is_refused(condition: str) -> None:
    with pytest.raises(ConditionError, match="cannot be read"):
        renamed(condition)
