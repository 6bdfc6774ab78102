"""What pydantic finds is said in our own sentences, at its place."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from lakehouse.faults import check_keys, first_fault, says, wrong


def small(number: int) -> int:
    if number > 9:
        raise wrong("holds {braces} of nobody's", "inside")
    return number


Number = Annotated[int, Field(strict=True), says("is {value!r}; it must be a number"), AfterValidator(small)]


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: Number = 0
    bare: int = 0


class Outer(BaseModel):
    inner: Annotated[list[Annotated[Inner, says("must be of {{number}}")]], says("must be a list")]
    named: dict[Annotated[str, Field(max_length=2), says("{value!r} is too long")], int] = {}


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({}, ((), "inner is missing")),
        ({"inner": {}}, (("inner",), "must be a list")),
        ({"inner": [{}, 1]}, (("inner", 1), "must be of {number}")),
        ({"inner": [{"more": 1}]}, (("inner", 0), "must be of {number}")),
        ({"inner": [{"bare": "x"}]}, (("inner", 0), "must be of {number}")),
        ({"inner": [{"number": "{x}"}]}, (("inner", 0, "number"), "is '{x}'; it must be a number")),
        ({"inner": [{"number": 10}]}, (("inner", 0, "number", "inside"), "holds {braces} of nobody's")),
        ({"inner": [], "named": {"long": 1}}, (("named", "long"), "'long' is too long")),
    ],
)
def test_a_fault_has_its_place_and_our_sentence(value: Any, fault: tuple[tuple[str | int, ...], str]) -> None:
    with pytest.raises(ValidationError) as raised:
        Outer.model_validate(value)
    assert first_fault(raised.value) == fault


def test_an_unknown_key_is_named_with_those_that_are_allowed() -> None:
    check_keys({"a": 1}, ["a", "b"])
    for key in ("c", 5):
        with pytest.raises(ValidationError) as raised:
            check_keys({"a": 1, key: 1}, ["a", "b"], " for a field")
        assert first_fault(raised.value) == ((str(key),), "is not known for a field; allowed are a, b")
