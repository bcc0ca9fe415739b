"""The session description in a message: the body itself, or the first part of its kind in a multipart body. RFC 3261 7.4, RFC 5621.

Rule: boundaries are found by splitting; a body that cannot be read has no description, and whoever needs one says so.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from pipeline import Message

SDP = "application/sdp"
MULTIPART = ("multipart/mixed", "multipart/alternative", "multipart/related")
PARTS = 20
"""Parts that are looked at: a call has a description, perhaps ISUP, geolocation and a picture beside it. What has more is beyond us, for
one of the others may be what has to be understood; a multipart in a part is not looked into."""


def description_of(message: Message) -> bytes:
    """Return the session description that a message carries; b"" when it carries none."""
    body = message.body
    if not body:
        return b""
    kind = message.content_type
    if kind == SDP:
        return body
    if kind in MULTIPART:
        return _part(body, _boundary(message.get("content-type") or ""))
    return b""


def is_beyond_us(message: Message, accepts: Container[str]) -> bool:
    """Tell whether a part of a multipart body says that it has to be understood, and is not (RFC 5621 8.3, RFC 3204)."""
    if message.content_type not in MULTIPART:
        return False
    for at, (head, _) in enumerate(_parts(message.body, _boundary(message.get("content-type") or ""))):
        if at == PARTS:
            return True
        fields = {name.strip().lower(): value.strip().lower() for name, _, value in (line.partition(b":") for line in head.split(b"\r\n"))}
        kind = fields.get(b"content-type", fields.get(b"c", b"")).partition(b";")[0].strip().decode("utf-8", "replace")
        if b"handling=required" in fields.get(b"content-disposition", b"").replace(b" ", b"") and kind not in accepts:
            return True
    return False


def _boundary(text: str) -> str:
    for piece in text.split(";")[1:]:
        name, _, value = piece.partition("=")
        if name.strip().lower() == "boundary":
            return value.strip().strip('"')
    return ""


def _parts(body: bytes, boundary: str) -> Iterator[tuple[bytes, bytes]]:
    """Give the head and the content of every part: of PARTS, and of all others as if they were one."""
    if not boundary:
        return
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode("utf-8", "surrogateescape"), PARTS + 1)[1:]:
        head, blank, content = part.partition(b"\r\n\r\n")
        if blank and not part.startswith(b"--"):
            yield head, content


def _part(body: bytes, boundary: str) -> bytes:
    for head, content in islice(_parts(body, boundary), PARTS):
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.strip().lower() in (b"content-type", b"c") and value.partition(b";")[0].strip().lower() == SDP.encode():
                return content
    return b""
