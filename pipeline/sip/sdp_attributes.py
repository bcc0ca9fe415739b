"""What the attributes of a medium say: encodings, SRTP keys, where RTCP goes, ICE, DTLS. Values only.

Rule: each reads the text behind "a=name:" and says None, or leaves it out, where a phone has written nonsense: an attribute that cannot be
understood is as if it were not there (RFC 8866 5.13), the description stays good.
RFC 8866 6.6 and 6.15, RFC 3551 6 (static payload types), RFC 3605, RFC 4568, RFC 8445/8839, RFC 8122.
"""

from __future__ import annotations

from attrs import frozen

STATIC = {
    0: ("PCMU", 8000, 1),
    3: ("GSM", 8000, 1),
    4: ("G723", 8000, 1),
    5: ("DVI4", 8000, 1),
    6: ("DVI4", 16000, 1),
    7: ("LPC", 8000, 1),
    8: ("PCMA", 8000, 1),
    9: ("G722", 8000, 1),
    10: ("L16", 44100, 2),
    11: ("L16", 44100, 1),
    12: ("QCELP", 8000, 1),
    13: ("CN", 8000, 1),
    14: ("MPA", 90000, 1),
    15: ("G728", 8000, 1),
    16: ("DVI4", 11025, 1),
    17: ("DVI4", 22050, 1),
    18: ("G729", 8000, 1),
    25: ("CelB", 90000, 1),
    26: ("JPEG", 90000, 1),
    28: ("nv", 90000, 1),
    31: ("H261", 90000, 1),
    32: ("MPV", 90000, 1),
    33: ("MP2T", 90000, 1),
    34: ("H263", 90000, 1),
}
"""RFC 3551 tables 4 and 5: what a payload type means without an rtpmap."""


@frozen
class Encoding:
    """One RTP payload format of a medium: an rtpmap, or what RFC 3551 says of the number, with its fmtp."""

    payload: int
    name: str
    rate: int
    """Clock rate, Hz. G.722's is written 8000 (RFC 3551 4.5.2)."""
    channels: int = 1
    parameters: str = ""
    """The fmtp, as it was written."""

    @property
    def key(self) -> tuple[str, int, int]:
        """What two encodings must have in common: names have no case (RFC 8866 6.6)."""
        return self.name.upper(), self.rate, self.channels

    @property
    def rtpmap(self) -> str:
        """The attribute's value."""
        return f"{self.payload} {self.name}/{self.rate}" + (f"/{self.channels}" if self.channels != 1 else "")


@frozen
class Crypto:
    """An SRTP key on offer (RFC 4568 9.1). A suite's name has no case."""

    tag: int
    suite: str
    key: str
    """The key parameters: "inline:..."."""
    parameters: str = ""

    @classmethod
    def read(cls, text: str) -> Crypto | None:
        """Return what a=crypto says."""
        parts = text.split(None, 3)
        if len(parts) < 3 or not (parts[0].isascii() and parts[0].isdigit()) or len(parts[0]) > 9:
            return None
        method, _, key = parts[2].partition(":")
        if method.lower() != "inline" or not key:
            return None
        return cls(int(parts[0]), parts[1], parts[2], parts[3] if len(parts) > 3 else "")

    def __str__(self) -> str:
        return f"{self.tag} {self.suite} {self.key}" + (f" {self.parameters}" if self.parameters else "")


@frozen
class Candidate:
    """An ICE candidate (RFC 8839 5.1), so far as others than an ICE agent may care."""

    foundation: str
    component: int
    transport: str
    priority: int
    address: str
    port: int
    type: str

    @classmethod
    def read(cls, text: str) -> Candidate | None:
        """Return what a=candidate says."""
        parts = text.split()
        if len(parts) < 8 or parts[6] != "typ":
            return None
        numbers = parts[1], parts[3], parts[5]
        if not all(number.isascii() and number.isdigit() and len(number) < 11 for number in numbers):
            return None
        return cls(parts[0], int(parts[1]), parts[2], int(parts[3]), parts[4], int(parts[5]), parts[7])


def encodings(formats: tuple[str, ...], rtpmaps: list[str], fmtps: list[str]) -> tuple[Encoding, ...]:
    """Return the encodings of the formats of an m= line, in their order; a format that nothing explains is left out."""
    maps, parameters = _by_format(rtpmaps), _by_format(fmtps)
    found = []
    for format_ in dict.fromkeys(formats):  # a line of 64 kB may repeat one ten thousand times, and 64 lines a hundred times each
        if not (format_.isascii() and format_.isdigit()) or len(format_) > 3:
            continue
        payload = int(format_)
        meaning = _mapped(maps[format_]) if format_ in maps else STATIC.get(payload)
        if meaning is not None and payload < 128:
            found.append(Encoding(payload, *meaning, parameters.get(format_, "").strip()))
    return tuple(found)


def _by_format(texts: list[str]) -> dict[str, str]:
    """Return what each says of its format; of two the first counts."""
    found: dict[str, str] = {}
    for text in texts:
        parts = text.split(None, 1)
        if len(parts) == 2:
            found.setdefault(parts[0], parts[1])
    return found


def _mapped(text: str) -> tuple[str, int, int] | None:
    name, _, rest = text.strip().partition("/")
    rate, _, channels = rest.partition("/")
    channels = channels or "1"
    if not name or not (rate.isascii() and rate.isdigit() and channels.isascii() and channels.isdigit()):
        return None
    return (name, int(rate), int(channels)) if len(rate) < 8 and len(channels) < 4 else None
