"""Session descriptions: enough to say whether a body is one, and where its media go.

Rule: a splitter. It knows which line belongs where, not what they negotiate (that is the media's business).
RFC 8866 section 5; an empty `s=` is let by (RFC 5118 section 4.8).
"""

from __future__ import annotations

from itertools import pairwise

from attrs import frozen

from .grammar import bad

CONTENT_TYPE = "application/sdp"
SESSION = "vosiuepcbtrzka"  # the letters that may stand before the first m=
MEDIA = "icbka"


@frozen
class Media:
    """One m= section. `connection` is its own c= value, else the session's."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    connection: str
    lines: tuple[tuple[str, str], ...]

    @property
    def address(self) -> str:
        """The address of the connection line, without the TTL of multicast."""
        return self.connection.split(" ")[-1].partition("/")[0]


@frozen
class Description:
    """A session description."""

    origin: str
    connection: str
    lines: tuple[tuple[str, str], ...]
    media: tuple[Media, ...]


def parse(body: bytes) -> Description:
    """Split a session description; raises Malformed."""
    lines = _lines(body)
    if not lines or lines[0] != ("v", "0"):
        raise bad("session description", "it must begin with v=0")
    places = [place for place, (kind, _) in enumerate(lines) if kind == "m"]
    session = lines[: places[0]] if places else lines
    _belonging(session, SESSION)
    values = dict(reversed(session))
    if "o" not in values or "s" not in values:
        raise bad("session description", "o= or s= is missing")
    if len(values["o"].split()) != 6:
        raise bad("session description", "o= must have six parts")
    connection = _connection(values.get("c", ""))
    media = [_media(lines[start:end], connection) for start, end in pairwise([*places, len(lines)])]
    return Description(values["o"], connection, tuple(session), tuple(media))


def _lines(body: bytes) -> list[tuple[str, str]]:
    text = body.decode("utf-8", "surrogateescape").replace("\r\n", "\n").rstrip("\n")
    lines = []
    for line in text.split("\n"):
        if len(line) < 2 or line[1] != "=" or not ("a" <= line[0] <= "z"):
            raise bad("session description", "a line must be a letter, '=' and a value")
        lines.append((line[0], line[2:]))
    return lines


def _belonging(lines: list[tuple[str, str]], order: str) -> None:
    for kind, _ in lines:
        if kind not in order:
            raise bad("session description", f"{kind}= does not belong here")


def _connection(value: str) -> str:
    if value and (len(parts := value.split()) != 3 or parts[0] != "IN" or parts[1] not in ("IP4", "IP6")):
        raise bad("session description", "c= must be IN IP4 or IP6 and an address")
    return value


def _media(lines: list[tuple[str, str]], connection: str) -> Media:
    parts = lines[0][1].split()
    port = parts[1].partition("/")[0] if len(parts) > 1 else ""
    if len(parts) < 4 or not (port.isascii() and port.isdigit()) or len(port) > 5 or int(port) > 65535:
        raise bad("session description", "m= must be media, port, protocol and formats")
    _belonging(lines[1:], MEDIA)
    own = next((value for kind, value in lines if kind == "c"), "")
    if not (own or connection) and port != "0":
        raise bad("session description", "no c= for a medium")
    return Media(parts[0], int(port), parts[2], tuple(parts[3:]), _connection(own) or connection, tuple(lines))
