"""The decorator of SIP values (Uri, Address, Via): immutable to the type checker, and cheap to make.

Rule: nobody assigns to a field of a value, since values are cached and shared; mypy refuses it. At run time attrs' own `frozen` would
cost 0.35 us an object, five objects a REGISTER, to forbid what the checker forbids already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attrs import frozen as value_class
else:
    from functools import partial

    from attrs import define

    value_class = partial(define, slots=True, frozen=False)

__all__ = ["value_class"]
