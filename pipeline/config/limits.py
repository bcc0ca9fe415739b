"""What an attrs validator allows, in words: "at least 1", "between 1 and 10", "one of 'a' and 'b'".

Rule: the words come from the validator itself, so that an error message and the reference cannot differ from what is
checked. A validator that is not known here speaks for itself: its own text is shown.
"""

from __future__ import annotations

from typing import Any

__all__ = ["choices", "limits"]

_WORDS = {">=": "at least {}", ">": "more than {}", "<=": "at most {}", "<": "less than {}"}


def limits(validator: Any) -> str:
    """Say what a value must be, to follow "must be"; empty when the validator is not one of attrs' own."""
    parts = _flat(validator)
    bounds = {part.compare_op: part.bound for part in parts if hasattr(part, "compare_op")}
    words: list[str] = []
    if {">=", "<="} <= bounds.keys():
        words.append(f"between {bounds.pop('>=')} and {bounds.pop('<=')}")
    words += [_WORDS[sign].format(bound) for sign, bound in bounds.items() if sign in _WORDS]
    for part in parts:
        if hasattr(part, "options"):
            words.append(_one_of(part.options))
        elif hasattr(part, "min_length"):
            words.append(f"at least {part.min_length} long")
        elif hasattr(part, "max_length"):
            words.append(f"at most {part.max_length} long")
        elif hasattr(part, "pattern"):
            words.append(f"like {part.pattern.pattern}")
    return " and ".join(words)


def choices(validator: Any) -> tuple[Any, ...]:
    """List the values that an `in_` validator allows, when they are texts."""
    for part in _flat(validator):
        options = getattr(part, "options", ())
        if not isinstance(options, range):
            return tuple(option for option in options if isinstance(option, str))
    return ()


def _flat(validator: Any) -> list[Any]:
    """Open `and_` and `optional`."""
    if validator is None:
        return []
    if hasattr(validator, "_validators"):
        return [part for inner in validator._validators for part in _flat(inner)]
    if type(validator).__name__ == "_OptionalValidator":
        return _flat(validator.validator)
    return [validator]


def _one_of(options: Any) -> str:
    if isinstance(options, range) and options.step == 1:
        return f"between {options.start} and {options.stop - 1}"
    values = [f"'{option}'" if isinstance(option, str) else str(option) for option in options]
    if len(values) < 2:
        return values[0] if values else "nothing"
    return f"one of {', '.join(values[:-1])} or {values[-1]}"
