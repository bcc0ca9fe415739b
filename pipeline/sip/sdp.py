"""Session descriptions: every line is kept, in its place; what they mean is read when asked for. RFC 8866, RFC 3264.

Rule: values. Nothing is changed in place, an edit gives a new description; it does not know what is being negotiated (negotiation.py does).
Tolerant where phones are sloppy: bare line feeds, blank lines around, a missing or empty s= (RFC 5118 4.8), a missing t= or one without
numbers (no call ends by it), lines out of order, a user name with blanks in o=, unknown attributes, media, protocols. Strict where a
mistake would send media somewhere else, or leaves unsaid whose description it is: v=, o=, c=, m=, letters that SDP does not have (RFC 8866
5: the whole description is then void). Everything else round trips.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from attrs import evolve, field, frozen

from .grammar import Malformed, bad
from .sdp_attributes import Candidate, Crypto, Encoding, encodings

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "CONTENT_TYPE",
    "DIRECTIONS",
    "OPPOSITE",
    "Candidate",
    "Crypto",
    "Description",
    "Encoding",
    "Malformed",
    "Media",
    "Origin",
    "parse",
]

CONTENT_TYPE: Final = "application/sdp"
SESSION: Final = frozenset("vosiuepcbtrzka")
"""The letters that may stand before the first m=."""
MEDIA: Final = frozenset("icbka")
LARGEST: Final = 65535
"""Bytes: what a UDP datagram can carry; nobody describes so much."""
MOST_MEDIA: Final = 64
"""m= lines: Asterisk takes 16 (PJMEDIA_MAX_SDP_MEDIA), a WebRTC client with everything in one bundle sends some tens."""
MOST_LINES: Final = 2400
"""Lines in all: Asterisk takes 132 attributes for each of its media (PJMEDIA_MAX_SDP_ATTR), a browser with video sends some hundreds. Each
is looked at several times in a call, and 64 kB hold 16,000."""
MOST_SESSION_LINES: Final = 128
"""Lines before the first m=, which are looked at for every m= that says nothing itself: Asterisk takes 132 attributes, a browser sends
some ten."""
DIRECTIONS: Final = ("sendrecv", "sendonly", "recvonly", "inactive")
OPPOSITE: Final = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
FAMILIES: Final = ("IP4", "IP6")
NOWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  (compared with)
"""Addresses that hold a stream, RFC 2543's way (RFC 3264 8.4); "::" stands for it in IPv6."""

Line = tuple[str, str]
Lines = tuple[Line, ...]


@frozen
class Origin:
    """The o= line: who described this session, and which version of the description it is (RFC 8866 5.2)."""

    username: str
    session: str
    version: str
    address: str
    network: str = "IN"
    family: str = ""
    """IP4 or IP6; empty: what the address looks like."""

    @classmethod
    def read(cls, text: str) -> Origin:
        """Return the parts of an o= value; raises Malformed."""
        parts = text.rsplit(None, 5)
        if len(parts) != 6:
            raise bad("session description", "o= must have six parts")
        if not (_number(parts[1]) and _number(parts[2])):
            raise bad("session description", "session and version in o= must be numbers")
        if parts[3] != "IN" or parts[4] not in FAMILIES:
            raise bad("session description", "o= must be of IN IP4 or IP6")
        return cls(parts[0], parts[1], parts[2], parts[5], parts[3], parts[4])

    def __str__(self) -> str:
        return f"{self.username} {self.session} {self.version} {self.network} {self.family or family(self.address)} {self.address}"


@frozen
class Media:
    """One m= section."""

    kind: str
    port: int
    """0: the stream is refused, or over."""
    protocol: str
    formats: tuple[str, ...]
    lines: Lines = ()
    """What follows the m= line."""
    ports: int = 1
    session: Lines = field(default=(), repr=False, eq=False)
    """The session's lines: what is not said here is said there."""

    @classmethod
    def of(cls, kind: str, port: int, protocol: str, offered: Iterable[Encoding], direction: str = "sendrecv", *more: str) -> Media:
        """Return a medium with these encodings; `more` are the texts of further a= lines, "ptime:20"."""
        chosen = tuple(offered)
        lines = [("a", f"rtpmap:{encoding.rtpmap}") for encoding in chosen]
        lines += [("a", f"fmtp:{encoding.payload} {encoding.parameters}") for encoding in chosen if encoding.parameters]
        lines += [("a", text) for text in (*more, direction)]
        return cls(kind, port, protocol, tuple(str(encoding.payload) for encoding in chosen), tuple(lines))

    # -- what it says --------------------------------------------------------------------------------------------------

    @property
    def connection(self) -> str:
        """The value of its own c=, else the session's; "" when there is none."""
        return value_of(self.lines, "c") or value_of(self.session, "c")

    @property
    def address(self) -> str:
        """Where it is to be sent: the address of the connection line, without the TTL of multicast."""
        return self.connection.rpartition(" ")[2].partition("/")[0]

    @property
    def direction(self) -> str:
        """Whether its author sends, receives, both or neither (RFC 8866 6.7)."""
        return _direction(self.lines) or _direction(self.session) or "sendrecv"

    @property
    def held(self) -> bool:
        """Whether its author does not want to hear: sendonly, inactive, or no address to send to (RFC 3264 8.4)."""
        return self.direction in ("sendonly", "inactive") or self.address in NOWHERE

    def attribute(self, name: str) -> str | None:
        """Return the value of the first a=name here, else of the session's; "" for one without a value, None: there is none."""
        found = attributes(self.lines, name) or attributes(self.session, name)
        return found[0] if found else None

    def attributes(self, name: str) -> list[str]:
        """Return the values of all a=name of this medium."""
        return attributes(self.lines, name)

    @property
    def encodings(self) -> tuple[Encoding, ...]:
        """The payload formats in the order of preference; those that nothing explains are left out."""
        return encodings(self.formats, attributes(self.lines, "rtpmap"), attributes(self.lines, "fmtp"))

    @property
    def ptime(self) -> int | None:
        """Milliseconds of sound per packet that its author would like to get."""
        text = (self.attribute("ptime") or "").strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 5 and int(text) else None

    @property
    def rtcp(self) -> tuple[str, int]:
        """Where RTCP is to be sent: the same port (a=rtcp-mux), a=rtcp (RFC 3605), else the next port."""
        text = self.attribute("rtcp")
        if text is not None:
            port, _, rest = text.strip().partition(" ")
            if port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) <= 65535:
                return rest.rpartition(" ")[2] or self.address, int(port)
        return self.address, self.port if self.attribute("rtcp-mux") is not None else self.port + 1

    @property
    def cryptos(self) -> tuple[Crypto, ...]:
        """The SRTP keys on offer (SDES)."""
        return tuple(found for text in attributes(self.lines, "crypto") if (found := Crypto.read(text)) is not None)

    @property
    def fingerprint(self) -> str | None:
        """The DTLS certificate's: "sha-256 4A:AD:..."."""
        return self.attribute("fingerprint")

    @property
    def ice(self) -> tuple[str, str] | None:
        """The ICE user fragment and password."""
        ufrag, password = self.attribute("ice-ufrag"), self.attribute("ice-pwd")
        return None if ufrag is None or password is None else (ufrag, password)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The ICE candidates."""
        return tuple(found for text in attributes(self.lines, "candidate") if (found := Candidate.read(text)) is not None)

    # -- edits ---------------------------------------------------------------------------------------------------------

    def with_port(self, port: int) -> Media:
        """Return it with another port."""
        return evolve(self, port=port, ports=1)

    def with_connection(self, address: str) -> Media:
        """Return it with its own c=; it stands where RFC 8866 5 wants it."""
        others = [line for line in self.lines if line[0] != "c"]
        place = next((i for i, line in enumerate(others) if line[0] != "i"), len(others))
        return evolve(self, lines=(*others[:place], ("c", written(address)), *others[place:]))

    def with_direction(self, direction: str) -> Media:
        """Return it with this direction."""
        others = tuple(line for line in self.lines if line[0] != "a" or line[1] not in DIRECTIONS)
        return evolve(self, lines=(*others, ("a", direction)))

    def with_attribute(self, name: str, text: str = "") -> Media:
        """Return it with one more a=name:text."""
        return evolve(self, lines=(*self.lines, ("a", f"{name}:{text}" if text else name)))

    def without(self, *names: str) -> Media:
        """Return it without the attributes of these names."""
        return evolve(self, lines=tuple(line for line in self.lines if line[0] != "a" or line[1].partition(":")[0] not in names))

    def refused(self) -> Media:
        """Return the answer to it that refuses it: the same m= line with port 0 (RFC 3264 6)."""
        return Media(self.kind, 0, self.protocol, self.formats)

    @property
    def line(self) -> str:
        """The value of its m= line."""
        port = f"{self.port}/{self.ports}" if self.ports != 1 else str(self.port)
        return f"{self.kind} {port} {self.protocol} {' '.join(self.formats)}"


@frozen
class Description:
    """A session description."""

    lines: Lines
    """What stands before the first m=."""
    media: tuple[Media, ...] = ()

    @classmethod
    def of(cls, origin: Origin, address: str, media: Iterable[Media]) -> Description:
        """Return a description of ours: v o s c t and these media."""
        lines = (("v", "0"), ("o", str(origin)), ("s", "-"), ("c", written(address)), ("t", "0 0"))
        return cls(lines).with_media(media)

    @property
    def origin(self) -> Origin:
        """Who described it."""
        return Origin.read(value_of(self.lines, "o"))

    @property
    def connection(self) -> str:
        """The value of the session's c=; "" when each medium has its own."""
        return value_of(self.lines, "c")

    @property
    def address(self) -> str:
        """The address of the session's c=."""
        return self.connection.rpartition(" ")[2].partition("/")[0]

    def attribute(self, name: str) -> str | None:
        """Return the value of the session's first a=name; "" for one without a value, None: there is none."""
        found = attributes(self.lines, name)
        return found[0] if found else None

    def attributes(self, name: str) -> list[str]:
        """Return the values of all a=name of the session."""
        return attributes(self.lines, name)

    def same(self, other: Description | None) -> bool:
        """Tell whether both describe the same session, whoever wrote them (all but o=)."""
        return other is not None and self.media == other.media and _no_origin(self.lines) == _no_origin(other.lines)

    def with_origin(self, origin: Origin) -> Description:
        """Return it as described by another, or in another version."""
        return self._with_lines(tuple(("o", str(origin)) if line[0] == "o" else line for line in self.lines))

    def with_connection(self, address: str) -> Description:
        """Return it with all media at this address."""
        new = ("c", written(address))
        if self.connection:
            lines = tuple(new if line[0] == "c" else line for line in self.lines)
        else:
            place = next((i for i, line in enumerate(self.lines) if line[0] not in "vosiuep"), len(self.lines))
            lines = (*self.lines[:place], new, *self.lines[place:])
        bare = tuple(evolve(media, lines=tuple(line for line in media.lines if line[0] != "c")) for media in self.media)
        return Description(lines).with_media(bare)

    def with_media(self, media: Iterable[Media]) -> Description:
        """Return it with these media."""
        return Description(self.lines, tuple(evolve(one, session=self.lines) for one in media))

    def with_attribute(self, name: str, text: str = "") -> Description:
        """Return it with one more a=name:text for the session."""
        return self._with_lines((*self.lines, ("a", f"{name}:{text}" if text else name)))

    def without(self, *names: str) -> Description:
        """Return it without the session's attributes of these names."""
        return self._with_lines(tuple(line for line in self.lines if line[0] != "a" or line[1].partition(":")[0] not in names))

    def _with_lines(self, lines: Lines) -> Description:
        return Description(lines).with_media(self.media)

    def encode(self) -> bytes:
        """Return what is sent."""
        text = [f"{kind}={value}\r\n" for kind, value in self.lines]
        for media in self.media:
            text.append(f"m={media.line}\r\n")
            text += [f"{kind}={value}\r\n" for kind, value in media.lines]
        return "".join(text).encode("utf-8", "surrogateescape")


def parse(body: bytes) -> Description:
    """Return the description that a body is; raises Malformed."""
    lines = _lines(body)
    if not lines or lines[0] != ("v", "0"):
        raise bad("session description", "it must begin with v=0")
    places = [place for place, line in enumerate(lines) if line[0] == "m"]
    if len(places) > MOST_MEDIA:
        raise bad("session description", f"more than {MOST_MEDIA} m= lines")
    session = tuple(lines[: places[0]] if places else lines)
    if len(session) > MOST_SESSION_LINES:
        raise bad("session description", f"more than {MOST_SESSION_LINES} lines before the first m=")
    for kind, value in session:
        if kind not in SESSION:
            raise bad("session description", f"{kind}= does not belong here")
        if kind == "c":
            _check_connection(value)
    origin = value_of(session, "o")
    if not origin:
        raise bad("session description", "o= is missing")
    Origin.read(origin)
    return Description(session, tuple([_media(lines[start:end], session) for start, end in pairwise([*places, len(lines)])]))


def _lines(body: bytes) -> list[Line]:
    if len(body) > LARGEST:
        raise bad("session description", f"more than {LARGEST} bytes")
    text = body.decode("utf-8", "surrogateescape").replace("\r\n", "\n").strip("\n")
    if "\r" in text or "\0" in text:
        raise bad("session description", "a line must not hold CR or NUL")
    if text.count("\n") >= MOST_LINES:
        raise bad("session description", f"more than {MOST_LINES} lines")
    lines = []
    for line in text.split("\n"):
        if line[1:2] != "=" or not ("a" <= line[0] <= "z"):
            raise bad("session description", "a line must be a letter, '=' and a value")
        lines.append((line[0], line[2:]))
    return lines


def _media(lines: list[Line], session: Lines) -> Media:
    parts = lines[0][1].split()
    port, _, count = parts[1].partition("/") if len(parts) > 1 else ("", "", "")
    count = count or "1"
    if len(parts) < 4 or not _small(port) or not _small(count) or int(port) > 65535:
        raise bad("session description", "m= must be media, port, protocol and formats")
    own = ""
    for kind, value in lines[1:]:
        if kind not in MEDIA:
            raise bad("session description", f"{kind}= does not belong here")
        if kind == "c":
            _check_connection(value)
            own = value
    if not own and port != "0" and not value_of(session, "c"):
        raise bad("session description", "no c= for a medium")
    return Media(parts[0], int(port), parts[2], tuple(parts[3:]), tuple(lines[1:]), int(count), session)


def _check_connection(value: str) -> None:
    if len(parts := value.split()) != 3 or parts[0] != "IN" or parts[1] not in FAMILIES:
        raise bad("session description", "c= must be IN IP4 or IP6 and an address")
    if family(parts[2]) != parts[1] and (parts[1] == "IP4" or parts[2].replace(".", "").partition("/")[0].isdecimal()):  # else a name
        raise bad("session description", f"the address in c= is none of {parts[1]}")


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _small(text: str) -> bool:
    return _number(text) and len(text) <= 5


def value_of(lines: Lines, kind: str) -> str:
    """Return the value of the first line of this letter, "" when there is none."""
    for line in lines:
        if line[0] == kind:
            return line[1]
    return ""


def attributes(lines: Lines, name: str) -> list[str]:
    """Return the values of all a=name among these lines."""
    end = len(name)
    return [text[end + 1 :] for kind, text in lines if text.startswith(name) and kind == "a" and text[end : end + 1] in (":", "")]


def family(address: str) -> str:
    """Return IP4 or IP6."""
    return "IP6" if ":" in address else "IP4"


def written(address: str) -> str:
    """Return the c= value of an address."""
    return f"IN {family(address)} {address}"


def _direction(lines: Lines) -> str:
    for kind, text in lines:
        if kind == "a" and text in DIRECTIONS:
            return text
    return ""


def _no_origin(lines: Lines) -> list[Line]:
    return [line for line in lines if line[0] != "o"]
