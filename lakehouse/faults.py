"""The errors that pydantic finds in a hand-written file, as our own sentences: the value, and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import InitErrorDetails, PydanticCustomError

_OURS = "wrong"


def says(sentence: str) -> WrapValidator:
    """Goes beside a type in Annotated: the sentence for a value that is not of the type. {value!r} in it is the value.

    A fault inside a value has the sentence of the inner type, if that has one.
    """

    def check(value: Any, inner: ValidatorFunctionWrapHandler) -> Any:
        try:
            return inner(value)
        except ValidationError as error:
            if all(each["type"] == _OURS for each in error.errors()):
                raise
            raise wrong(sentence.format(value=value)) from None

    return WrapValidator(check)


def wrong(sentence: str, *place: str) -> ValidationError:
    """The error for a validator to raise. The sentence is about the value that the validator was given."""
    # The sentence must not be pydantic's template: it may hold braces.
    kind = PydanticCustomError(_OURS, "{sentence}", {"sentence": sentence})
    return ValidationError.from_exception_data("form", [InitErrorDetails(type=kind, loc=place, input=None)])


def check_keys(mapping: Iterable[Any], allowed: Sequence[str], of: str = "") -> None:
    """Refuses unknown keys. Call it first: a key that seems to be missing may be misspelt."""
    for key in mapping:
        if key not in allowed:
            raise wrong(f"is not known{of}; allowed are {', '.join(allowed)}", str(key))


def first_fault(error: ValidationError) -> tuple[tuple[str | int, ...], str]:
    """The place of the first fault, as keys and numbers, and the sentence about it."""
    fault = error.errors()[0]
    place = fault["loc"]
    if fault["type"] == "missing":
        return place[:-1], f"{place[-1]} is missing"
    return (place[:-1] if place[-1:] == ("[key]",) else place), fault["msg"]
