"""The 200 to a REGISTER: every current binding with what is left of its time, Date, Path. RFC 3261 10.3 step 8, 20.17, RFC 3327 5.3.

Rule: no more is bound than this answer can list in a datagram.
"""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING

from pipeline import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pipeline import Message
    from pipeline.dal import Contact

    from .bindings import Change

PATH = ("Supported", "path")
LISTED = 49_152
"""Octets of bindings that an answer lists: three quarters of what a datagram carries (65,507 by IPv4); a quarter is for what it has of its
request, of which one field may have as many (pipeline/sip/parser.py)."""
GRUUS = 400
"""Octets of the two GRUUs of a binding, but for what they repeat: the address of record in both, the instance escaped in one."""


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


def excess(change: Change, live: Iterable[Contact]) -> Reply | None:
    """Refuse bindings that no answer by UDP could list: nobody could ask for them then, or refresh them. What makes them fewer may be."""
    size = sum(map(_octets, change.after))
    if size <= LISTED or size <= sum(map(_octets, live)):
        return None
    return Reply(513, "Too Many Octets Of Contacts", because=f"{size} octets of bindings, of which an answer by UDP lists {LISTED}")


def _octets(contact: Contact) -> int:
    size = len(f"Contact: <{contact.uri}>{contact.params};expires=4294967295\r\n".encode("utf-8", "surrogateescape"))
    return size + GRUUS + 2 * len(contact.aor) + 3 * len(contact.instance) if contact.instance else size


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
