"""Header fields that a test gives, in the place of the usual ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ONE_ONLY = frozenset({"max-forwards", "from", "to", "call-id", "cseq", "contact", "supported", "allow"})


def merged(fields: list[tuple[str, str]], headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Put the fields of a test in the place of the usual ones of that name; an empty value takes one away."""
    extra = list(headers)
    replaced = ONE_ONLY & {name.lower() for name, _ in extra}
    kept = [(name, value) for name, value in fields if name.lower() not in replaced]
    return kept + [(name, value) for name, value in extra if value]
