"""Which header fields of a MESSAGE travel with it, and how they are written. RFC 3261 16.6, 22; RFC 3325 5; RFC 3428 4, 8.

Rule: what its reader may see passes as it came (Subject, Date, In-Reply-To, Content-*, what other RFCs and phones add). What belongs to one
hop, proves somebody to us, or claims an identity does not. Hot: text is joined, nothing is parsed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline import Malformed
from pipeline.sip.headers import SPELLED, spelled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline import Request

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""As RFC 3261 20.17 has them, in whatever language this machine speaks."""
OF_ONE_HOP = frozenset(
    (
        "via", "route", "record-route", "max-forwards", "proxy-require", "content-length", "contact", "path", "supported", "allow",
        "timestamp", "session-expires", "min-se",
    )
)  # fmt: skip
PROOFS = frozenset(("authorization", "proxy-authorization", "authentication-info", "www-authenticate", "proxy-authenticate"))
CLAIMS = frozenset(
    ("p-asserted-identity", "p-preferred-identity", "remote-party-id", "diversion", "history-info", "privacy", "p-associated-uri")
)
"""What only who is trusted may say, and is said anew by us."""
WRITTEN = frozenset(("from",))
LEFT_OUT = OF_ONE_HOP | PROOFS | CLAIMS | WRITTEN
REVEALING = frozenset(
    ("call-info", "reply-to", "user-agent", "organization", "server", "in-reply-to", "geolocation", "p-access-network-info", "call-id")
)
"""What tells who an anonymous author is: RFC 3323 4.1."""


def carried(message: Request, hops: int, author: str, fields: Iterable[tuple[str, str]] = (), *, hidden: str = "") -> list[str]:
    """Return the field lines of a MESSAGE that is passed on: Max-Forwards `hops`, From `author`.

    `hidden`: the Call-ID of an anonymous one, whose own may name its phone. Raises Malformed for a value with a line break in it.
    """
    first, more = message.first, message.repeated()
    lines = [f"Max-Forwards: {hops}", f"From: {author}"]
    for key, value in first.items():
        if key in LEFT_OUT or (hidden and key in REVEALING):
            continue
        name = SPELLED.get(key) or spelled(key)
        if key in more:
            lines.extend([f"{name}: {each}" for each in more[key]])
        else:
            lines.append(f"{name}: {value}")
    if hidden:
        lines.append(f"Call-ID: {hidden}")
    for name, value in fields:
        lines.append(f"{name}: {value}")
    lines.append(f"Content-Length: {len(message.body)}")
    return lines


def joined(lines: list[str]) -> str:
    """Return lines as one text; a line break inside one would be another field: Malformed."""
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        raise Malformed("Bad header field: a line break inside a value")
    return text


@lru_cache(maxsize=2)
def date_of(second: int) -> str:
    """Return a Date value (RFC 3261 20.17: always GMT)."""
    now = datetime.fromtimestamp(second, UTC)
    return f"{DAYS[now.weekday()]}, {now.day:02} {MONTHS[now.month - 1]} {now.year} {now:%H:%M:%S} GMT"
