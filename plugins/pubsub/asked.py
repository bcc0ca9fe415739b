"""What a SUBSCRIBE asks for: event, content type, how long, how often. RFC 6665 4.1.2, 4.2.1.1, 5.4; RFC 6446 5.

Rule: requests in, values or a Reply out; nothing is changed here. Raises Malformed for a field that cannot be read (400).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from pipeline import Reply
from pipeline.sip import params
from pipeline.sip.grammar import Malformed, bad, unquote

if TYPE_CHECKING:
    from pipeline import Request
    from pipeline.pubsub import Package

HOUR = 3600
"""RFC 6665 4.2.1.1: nobody may call an interval of an hour or more too short."""
SLOWEST = 3600.0
OPTIONS = 8
"""Parameters of an Event field that are kept, and how long one may be: they are kept with each subscription."""
OPTION_LENGTH = 64
TYPES, TYPE_LENGTH = 32, 128
"""Content types of Accept that are looked at, and how long one may be (RFC 6838 4.2 has two names of 127): they are kept, too."""
DIALOG = 8192
"""Octets of the fields that make a dialog, which is kept and stored for hours: a route over thirty proxies has half of that."""
RATE = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,6})?")


@attrs.frozen
class Event:
    """An Event field."""

    name: str
    id: str = ""
    options: tuple[tuple[str, str], ...] = ()
    interval: float = 0.0
    """Seconds between two NOTIFYs at least (max-rate)."""
    beat: float = 0.0
    """Seconds between two NOTIFYs at most (min-rate); 0: none."""


def event_of(message: Request) -> Event | None:
    """Read the Event field (8.2.1); None: there is none."""
    value = message.get("event")
    if value is None:
        return None
    name, semicolon, rest = value.partition(";")
    name = name.strip()
    if not semicolon:
        return Event(name)
    found = params.parse(semicolon + rest, "Event")
    ident = found.pop("id", None) or ""
    interval = _seconds(found.pop("max-rate", None))
    beat = _seconds(found.pop("min-rate", None))
    found.pop("adaptive-min-rate", None)
    if len(found) > OPTIONS or any(len(key) + len(text or "") > OPTION_LENGTH for key, text in found.items()) or len(ident) > OPTION_LENGTH:
        raise bad("Event", "too long")
    options = tuple((key, unquote(text) if text and text[0] == '"' else text or "") for key, text in found.items())
    return Event(name, ident, options, interval, beat)


def _seconds(rate: str | None) -> float:
    """Return the interval of a rate in events a second (RFC 6446 5)."""
    if rate is None:
        return 0.0
    if RATE.fullmatch(rate) is None:
        raise bad("Event", "a rate is a number of notifications in a second")
    return min(1 / float(rate), SLOWEST) if float(rate) else SLOWEST


def expires_of(message: Request, default: int, least: int, most: int) -> int | Reply:
    """Return how long a subscription or publication lasts, in seconds; a 423 for one too short."""
    asked = message.expires
    if asked is None:
        return min(default, most)
    if 0 < asked < least and asked < HOUR:
        return Reply(423, headers=(("Min-Expires", str(least)),), because=f"min_expires: {asked} s are less than {least}")
    return min(asked, most)


def bulky(message: Request) -> Reply | None:
    """Refuse a SUBSCRIBE that would have too much kept of it."""
    size = sum(len(value) for name in ("from", "to", "call-id", "contact", "record-route") for value in message.all(name))
    if size <= DIALOG:
        return None
    return Reply(513, because=f"{size} octets in From, To, Call-ID, Contact and Record-Route, of which {DIALOG} are kept")


def suppressed(message: Request) -> str:
    """Return the entity tag of Suppress-If-Match (RFC 5839 7.2), "*" for any; empty: there is none."""
    return (message.get("suppress-if-match") or "").strip()


def accepted(message: Request) -> list[str] | None:
    """Return the content types of Accept, the most wanted first, in lower case and without parameters; None: there is no Accept."""
    if "accept" not in message.first:
        return None
    found: list[tuple[float, int, str]] = []
    for place, item in enumerate(message.values("accept")):
        kind, semicolon, rest = item.partition(";")
        try:
            q = float(params.parse(semicolon + rest, "Accept").get("q") or 1)
        except ValueError:
            raise bad("Accept", "q is a number") from None
        except Malformed:
            q = 1.0
        if q > 0 and len(kind) <= TYPE_LENGTH:
            found.append((-q, place, kind.replace(" ", "").lower()))
    return [kind for _, _, kind in sorted(found)[:TYPES]]


def content_type_of(wanted: list[str] | None, package: Package, generators: tuple[str, ...]) -> str | None:
    """Return the content type that a watcher is sent (5.4.5); None: nothing that he takes can be written (406)."""
    can = (*package.bodies, *(kind for kind in generators if kind not in package.bodies))
    if wanted is None:
        return package.bodies[0]
    for kind in wanted:
        if kind in can:
            return kind
        if kind == "*/*":
            return package.bodies[0]
        if kind.endswith("/*"):
            for each in can:
                if each.startswith(kind[:-1]):
                    return each
    return None
