"""An answer that depends on Kafka's acknowledgement. The view that makes it does not wait for that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Response

from api.publish import Receipt


@dataclass(frozen=True, slots=True)
class Later:
    """What a view returns for an answer that is not known yet; api/front.py waits for the receipt and then finishes.

    `finish` is called once, outside the request's context, with `receipt.acknowledged`; it may raise Problem.
    """

    receipt: Receipt
    finish: Callable[[list[bool]], Response]
