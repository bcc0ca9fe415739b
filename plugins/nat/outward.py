"""Our own addresses in what leaves our networks: Via, Contact, Record-Route, and those of our media in SDP. RFC 3261 18.1.1, RFC 8866 5.7.

Rule: only what is ours. A Contact, route or media address of somebody else (direct media) stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.bind import write_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline import Message
    from pipeline.flow import Address

ROUTES = ("contact", "record-route")
LINES = (b"c=", b"o=", b"a=rtcp:", b"a=candidate:")
"""The lines of a description that hold an address (RFC 8866 5.2, 5.7; RFC 3605; RFC 8839 5.1)."""


def signalling(message: Message, ours: Address, outside: Address, *, request: bool) -> None:
    """Put our outside address where our own stands."""
    inner, outer = write_address(ours), write_address(outside)
    if request:
        via = message.first["via"]
        changed = via.replace(f" {inner};", f" {outer};", 1)
        if changed != via:
            message.set("via", changed, by="nat")
    for name in (*ROUTES, "path") if request else ROUTES:  # what an answer says of a Path is what came
        if name not in message.first:
            continue
        values = message.all(name)
        changes = [_uri(value, inner, outer) for value in values]
        if changes != values:
            message.set(name, ", ".join(changes), by="nat")


def _uri(value: str, inner: str, outer: str) -> str:
    """Put the outer address in the place of the inner one, where that is the host and port of the URI."""
    for before in ("@", "sip:", "sips:"):
        for after in (">", ";"):
            place = f"{before}{inner}{after}"
            if place in value:
                return value.replace(place, f"{before}{outer}{after}", 1)
    return value


def description(body: bytes, outside: str, is_ours: Callable[[str], bool]) -> bytes:
    """Put our outside media address in the place of addresses of ours, in the lines that hold one; IPv4 for IPv4, IPv6 for IPv6."""
    raw = outside.encode("ascii")
    family = b":" in raw
    lines = body.split(b"\r\n")
    changed = False
    known: dict[bytes, bool] = {}
    for place, line in enumerate(lines):
        if not line.startswith(LINES):
            continue
        words = line.split(b" ")
        for at, word in enumerate(words):
            if not _like_address(word) or (b":" in word) != family:
                continue
            if word not in known:
                known[word] = is_ours(word.decode("ascii"))
            if known[word]:
                words[at] = raw
                changed = True
        lines[place] = b" ".join(words)
    return b"\r\n".join(lines) if changed else body


def _like_address(word: bytes) -> bool:
    return word.count(b".") == 3 and word.replace(b".", b"").isdigit() if b":" not in word else word.count(b":") >= 2 and word.isascii()
