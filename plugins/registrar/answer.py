"""The 200 to a REGISTER: every current binding with what is left of its time, Date, Path. RFC 3261 10.3 step 8, 20.17, RFC 3327 5.3."""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pipeline import Message
    from pipeline.dal import Contact

PATH = ("Supported", "path")


class Dates:
    """The Date header field, written once a second."""

    __slots__ = ("_field", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._field = ("Date", "")

    def at(self, now: float) -> tuple[str, str]:
        """Return the field for a time in UTC seconds."""
        second = int(now)
        if second != self._second:
            self._second = second
            self._field = ("Date", formatdate(second, usegmt=True))
        return self._field


def fields(
    bindings: Iterable[Contact],
    now: float,
    date: tuple[str, str],
    message: Message,
    path: Sequence[str],
    more: Callable[[Contact], str] | None = None,
) -> list[tuple[str, str]]:
    """Return the fields of the 200; a Contact field for each binding, which every phone can read. `more(contact)`: further parameters."""
    # Rounded up, for a binding that lives is never "expires=0"; the millisecond is for what a float loses.
    found = []
    for each in bindings:  # a loop: Python 3.11 makes a function for every list comprehension
        found.append(("Contact", f"<{each.uri}>{each.params};expires={int(each.expires_at - now + 0.999)}"))  # noqa: PERF401
    if more is not None:
        found = [(name, value + more(each)) for (name, value), each in zip(found, bindings, strict=True)]
    found.append(date)
    if path:
        found += [("Path", value) for value in message.all("path")]  # as received, also how it was split
        found.append(PATH)
    return found
