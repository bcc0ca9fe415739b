"""What `find` understands: a field equal to a value, or in a range.

    find("contact", endpoint="alice", expires_at=("<=", now))

A pair of an operator and a limit is a range. A field that holds several values (aors, match) is asked whether it has the one given.
"""

import operator
from collections.abc import Callable
from typing import Any

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "!=": operator.ne,
    "==": operator.eq,
}


def condition(wanted: Any) -> tuple[str, Any]:
    """Return (operator, value) of what find() was given for a field."""
    if isinstance(wanted, tuple) and len(wanted) == 2 and isinstance(wanted[0], str) and wanted[0] in OPERATORS:
        return wanted
    return "==", wanted


def matcher(fields: dict[str, Any]) -> Callable[[Any], bool]:
    """Return the function that says whether an object is among those asked for."""
    if not fields:
        return lambda _stored: True
    conditions = [(operator.attrgetter(name), *condition(wanted)) for name, wanted in fields.items()]

    def matches(stored: Any) -> bool:
        for read, op, wanted in conditions:
            value = read(stored)
            if isinstance(value, tuple) and not isinstance(wanted, tuple):
                if (wanted in value) is (op == "!="):
                    return False
            elif not OPERATORS[op](value, wanted):
                return False
        return True

    return matches
