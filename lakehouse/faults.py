"""What pydantic finds wrong with a hand-written file, in sentences of our own: what stands where, and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import InitErrorDetails, PydanticCustomError

_OURS = "wrong"


def says(sentence: str) -> WrapValidator:
    """Beside a type in Annotated: the sentence for a value that is not of the type, {value!r} in it being the value.

    What is wrong inside a value has its own sentence, if the type of what is inside has one.
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
    """To be raised by a validator: the sentence is about this place in the value that it was given."""
    # The sentence is no template of pydantic's, it may hold braces.
    kind = PydanticCustomError(_OURS, "{sentence}", {"sentence": sentence})
    return ValidationError.from_exception_data("form", [InitErrorDetails(type=kind, loc=place, input=None)])


def check_keys(mapping: Iterable[Any], allowed: Sequence[str], of: str = "") -> None:
    """Refuses unknown keys; to be called before anything else is looked at, since what is missing may be misspelt there."""
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
