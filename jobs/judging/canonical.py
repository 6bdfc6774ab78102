"""Reads events that are written just as the API writes them, all fields at once; others are left for a closer look.

The canonical form of an event is one JSON object without blanks, nulls and needless escapes, its fields in the order of
lakehouse/contract/message_form.py. That a message has it needs no look at each value's type: it is parsed into the types of its
contract, what was found is written down again, and the two texts must be equal. Then nothing was left out, read twice or
converted, and each value is of the type that was asked for. Only events that keep their schema count as canonical here:
what is wrong with the others is said in one place, jobs/judging/checks.py.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from jobs.judging import message
from jobs.judging.contract_sql import full_match, keeps, or_default, somewhere, wide_name
from lakehouse.catalog.spark_sql import literal, spark_type
from lakehouse.contract.keywords import EACH, Check, checks, json_type, nullable
from lakehouse.contract.message_form import ID_AT, ID_BEGINS, ID_LENGTH, in_order

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.contract.model import Contract, Contracts, Field

TYPE = "canonical"
VALUES = "canonical~values"  # one column, for each step copies each column of a row, but a struct as a whole
_BEGINS = "`canonical~begins`"  # the event type that the text begins with
_BEHIND_ID = f"cast(substring(value, {ID_AT + ID_LENGTH}) as string)"
_PARSED_AS_TEXT = ("double", "timestamp")
# Numbers that every reader rounds alike: few digits, no exponent, and no zero below zero.
_NUMBER = r"^(?:0|-?[1-9][0-9]{0,8})(?:\.[0-9]{1,6})?$"


def read(frame: DataFrame, contracts: Contracts, readable: str) -> DataFrame:
    """Adds what canonical events say.

    Args:
        frame: with the columns `value` (bytes) and `event_id` of the raw table: a UUID that the value names, or null.
        readable: SQL; what does not meet it is not looked at.

    Returns:
        `frame` with TYPE, the event type of a canonical event that keeps its schema and whose event_id is the column
        `event_id`, else null; and VALUES, to be used only where TYPE is not null: a struct of each field of the envelope (but
        event_type and event_id) and each own field of each type, in the table's type, absent fields with their defaults.
    """
    begins, parsed, judged = [], [], []
    for contract in contracts.values():
        name = literal(contract.event_type)
        begins.append(f"when startswith({_BEHIND_ID}, {literal(_type_behind_id(contract))}) then {name}")
        kinds = ", ".join(f"`{each.name}` {_parsed_as(each)}" for each in in_order(contract, contracts))
        event = message.from_json(message.TEXT, kinds)
        parsed.append(f"case when {_BEGINS} = {name} then {event} end as `{_struct(contract)}`")
        good = f"{_is_written_so(contract, contracts)} and {_keeps_schema(contract, contracts)}"
        judged.append(f"when {name} then case when {good} then {name} end")
    looked_at = f"{readable} and not contains({message.TEXT}, '{message.HALF_CHARACTER}') and not {message.too_deep()}"
    return (
        frame.selectExpr("*", f"case when {looked_at} then case {' '.join(begins)} end end as {_BEGINS}")
        .selectExpr("*", *parsed)
        .selectExpr("*", f"case {_BEGINS} {' '.join(judged)} end as {TYPE}", _values(contracts))
        .drop(_BEGINS.strip("`"), *map(_struct, contracts.values()))
    )


def value_at(name: str) -> str:
    """SQL: a field (of the envelope, or as `wide_name` calls it) of a canonical event."""
    return f"`{VALUES}`.`{name}`"


def _type_behind_id(contract: Contract) -> str:
    return f'","event_type":"{contract.event_type}"'


def _struct(contract: Contract) -> str:
    return f"{contract.event_type}~parsed"


def _of(contract: Contract, field: Field) -> str:
    return f"`{_struct(contract)}`.`{field.name}`"


def _parsed_as(field: Field) -> str:
    """The type that a field is parsed as; its text is needed to see how a number or a time was written."""
    kind = spark_type(field.schema)
    return "string" if kind in _PARSED_AS_TEXT else kind


def _value(field: Field, parsed: str) -> str:
    """SQL: what was parsed, in the table's type, or the field's default."""
    kind = spark_type(field.schema)
    return or_default(field, f"cast({parsed} as {kind})" if kind in _PARSED_AS_TEXT else parsed)


def _values(contracts: Contracts) -> str:
    columns = {}
    for field in contracts.envelope:
        if field.name not in ("event_type", "event_id"):
            each_type = f"coalesce({', '.join(_of(each, field) for each in contracts.values())})"
            columns[field.name] = _value(field, each_type)
    for contract in contracts.values():
        for field in contract.fields:
            value = _value(field, _of(contract, field))
            given = value if field.default is None else f"case when `{_struct(contract)}` is not null then {value} end"
            columns[wide_name(contract.event_type, field.name)] = given
    return f"{message.struct(columns)} as `{VALUES}`"


def _is_written_so(contract: Contract, contracts: Contracts) -> str:
    """SQL: whether the text is what was parsed of it, written in canonical form."""
    event_id, _, *fields = in_order(contract, contracts)
    texts, further = [_of(contract, event_id)], []
    parts = [literal(ID_BEGINS), _of(contract, event_id), literal(_type_behind_id(contract))]
    for field in fields:
        value, kind, start = _of(contract, field), json_type(field.schema), literal(f',"{field.name}":')
        if kind == "string":
            texts.append(value)
            parts.append(f"""coalesce(concat({start}, '"', {value}, '"'), '')""")
        elif kind in ("array", "object"):
            parts.append(f"coalesce(concat({start}, to_json({value})), '')")
        else:
            parts.append(f"coalesce(concat({start}, {value}), '')")
        if kind == "number":
            further.append(f"coalesce({value} rlike {literal(full_match(_NUMBER))}, true)")
    # So each text is its own JSON form, and ends where it is written to end; only to_json writes other texts here.
    further += [f"not contains(concat_ws('', {', '.join(texts)}), {literal(sign)})" for sign in ('"', "\\")]
    return " and ".join([f"{message.TEXT} = concat({', '.join(parts)}, '}}')", *further])


def _keeps_schema(contract: Contract, contracts: Contracts) -> str:
    """SQL: whether what was parsed keeps every check of envelope and contract."""
    envelope, own = contracts.envelope_schema, contract.schema
    wanted = [
        *checks(envelope["properties"], envelope.get("required", ())),
        *checks(own["properties"], own.get("required", ())),
    ]
    fields = {field.name: field for field in in_order(contract, contracts)}
    same_id = f"coalesce(lower({_of(contract, fields['event_id'])}) = event_id, false)"
    broken = [_broken(each, _of(contract, fields[each.path[0]])) for each in wanted if each.path[0] != "event_id"]
    return " and ".join([same_id, *(f"not {sql}" for sql in broken)])


def _broken(check: Check, top: str) -> str:
    """SQL: whether the parsed event breaks the check; `top`: the parsed field."""
    _, *path = check.path
    breaks = partial(_value_breaks, check)
    if check.keyword == "required" and path:
        *path, name = path
        breaks = partial(_lacks, name)
    elif not path and json_type(check.schema) == "number":
        top = f"cast({top} as double)"
    return f"coalesce({somewhere(top, path, breaks, _elements, _member)}, false)"


def _lacks(name: str, parent: str) -> str:
    return f"({parent} is not null and {_member(parent, name)} is null)"


def _value_breaks(check: Check, value: str) -> str:
    if check.keyword == "required":
        return f"{value} is null"
    if check.keyword == "type":  # what is of another type is not canonical, but for these
        wrong = [f"{value} is null"] if check.path[-1] == EACH and not nullable(check.schema) else []
        kind = spark_type(check.schema)
        if kind == "double":
            below_zero = f"({value} = 0 and startswith(cast({value} as string), '-'))"
            wrong.append(f"isnan({value}) or abs({value}) = double('infinity') or {below_zero}")
        if kind.startswith("map<"):
            wrong.append(f"size(array_distinct(map_keys({value}))) < size({value})")
        return f"({' or '.join(wrong) or 'false'})"
    return f"({value} is not null and not coalesce({keeps(check, value)}, false))"


def _elements(array: str) -> str:
    return array


def _member(struct: str, name: str) -> str:
    return f"{struct}.`{name}`"
