"""What two descriptions agree on: an answer from what we can do, an offer that keeps its m= lines, what may be sent where, hold.

    known("ulaw, alaw, l16") -> encodings           what an option's codec names mean
    answer(offer, streams, origin, address)         our answer; None: nothing in common (488, `media.Unacceptable` of the core)
    offer(streams, origin, address, before)         our offer; `before`: our last one in this session, its m= lines keep their places
    agreed(local, remote)                           per m= line an Agreed, or None where no media flow
    held(remote)                                    whether the far side has put us on hold
    restrict(description, codecs)                   a description passed on with these audio codecs only; None: nothing is left

Rules:
- Pure: ports and addresses are handed in, and nothing here plays or records.
- An m= line is never taken away or moved within a session (RFC 3264 8): what is not wanted is refused with port 0, in its place.
- An answer uses the offer's payload numbers, and its order of preference (RFC 3264 6.1). Where the far side answers with others of its own,
  we send with its numbers and receive with ours.

RFC 3264 5 to 8, RFC 8866, RFC 4733 (telephone-event), RFC 3551.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from .grammar import bad
from .sdp import NOWHERE, OPPOSITE, Description, Media, family
from .sdp_attributes import Encoding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .sdp import Origin

EVENT: Final = "TELEPHONE-EVENT"
NOISE: Final = "CN"
BESIDE: Final = frozenset({EVENT, NOISE, "RED"})
"""Encodings that carry no conversation of their own: alone they are nothing in common."""

DYNAMIC: Final = 96
"""The payload types from here on mean what an rtpmap says (RFC 3551 3)."""

KNOWN: Final = {
    "ulaw": Encoding(0, "PCMU", 8000),
    "pcmu": Encoding(0, "PCMU", 8000),
    "alaw": Encoding(8, "PCMA", 8000),
    "pcma": Encoding(8, "PCMA", 8000),
    "l16": Encoding(96, "L16", 8000),
    "slin": Encoding(96, "L16", 8000),
    "slin16": Encoding(97, "L16", 16000),
    "slin48": Encoding(98, "L16", 48000),
    "gsm": Encoding(3, "GSM", 8000),
    "g722": Encoding(9, "G722", 8000),
    "g729": Encoding(18, "G729", 8000),
    "ilbc": Encoding(102, "iLBC", 8000),
    "speex": Encoding(103, "speex", 8000),
    "opus": Encoding(107, "opus", 48000, 2),
    "telephone-event": Encoding(101, "telephone-event", 8000, 1, "0-16"),
}
"""Codec names of options, most as Asterisk spells them; numbers above 95 are what we offer them as."""


@frozen
class Stream:
    """What we can do for one medium."""

    port: int
    encodings: tuple[Encoding, ...]
    """In our order of preference; with the payload numbers of our offers."""
    kind: str = "audio"
    direction: str = "sendrecv"
    """What we want."""
    protocols: tuple[str, ...] = ("RTP/AVP",)
    """What we take; the first is what we offer."""
    attributes: tuple[str, ...] = ()
    """Further a= lines of ours: "ptime:20"."""
    echoed: frozenset[str] = frozenset()
    """Attributes that we offer, and answer when they are offered: {"rtcp-mux"}."""


@frozen
class Agreed:
    """What one m= line has come to, seen from here."""

    local: Media
    remote: Media
    encodings: tuple[tuple[Encoding, int], ...]
    """(as the far side wants it, the number with which it sends it to us), the preferred first; telephone-event is not among them."""
    event: tuple[Encoding, int] | None
    """The same for telephone-event."""
    sends: bool
    """Whether we may send."""
    receives: bool
    held: bool
    """Whether the far side does not want to hear us."""

    @property
    def address(self) -> tuple[str, int]:
        """Where our RTP goes."""
        return self.remote.address, self.remote.port

    @property
    def rtcp(self) -> tuple[str, int]:
        """Where our RTCP goes."""
        return self.remote.rtcp

    @property
    def ptime(self) -> int | None:
        """Milliseconds of sound per packet that the far side would like."""
        return self.remote.ptime


def known(names: str | Iterable[str]) -> tuple[Encoding, ...]:
    """Return the encodings of these codec names ("ulaw, alaw"); raises ValueError naming one that is not known."""
    found: dict[int, Encoding] = {}
    for name in names.replace(",", " ").split() if isinstance(names, str) else names:
        encoding = KNOWN.get(name.strip().lower())
        if encoding is None:
            raise ValueError(f"{name!r} is no codec known here; known are {', '.join(sorted(KNOWN))}")
        found.setdefault(encoding.payload, encoding)
    return tuple(found.values())


def answer(offer: Description, streams: Sequence[Stream], origin: Origin, address: str) -> Description | None:
    """Return our answer, m= line by m= line; None when nothing that is offered can be taken.

    Raises Malformed (400) for an offer without any m= (there is nothing to answer, and a call without media is none), and for a stream
    that says nothing.
    An offer in which everything is over already (all ports 0) is answered likewise.
    """
    if not offer.media:
        raise bad("session description", "an offer without m=")
    _meaningful(offer)
    left = list(streams)
    answers = []
    for media in offer.media:
        taken = None
        for stream in left if media.port else ():
            taken = _take(media, stream)
            if taken is not None:
                left.remove(stream)
                break
        answers.append(taken or media.refused())
    if not any(media.port for media in answers) and any(media.port for media in offer.media):
        return None
    return Description.of(origin, address, answers)


def _meaningful(description: Description) -> None:
    """Refuse a live RTP stream that has nothing but dynamic payload types and no rtpmap at all (RFC 8866 5.14 and 6.6): it says nothing."""
    for media in description.media:
        if not media.port or not media.protocol.startswith("RTP/") or not media.formats or media.attribute("rtpmap") is not None:
            continue
        if all(number.isdigit() and int(number[:4]) >= DYNAMIC for number in media.formats):
            raise bad("session description", f"m={media.kind} with payload types that no rtpmap explains")


def _take(media: Media, stream: Stream) -> Media | None:
    if media.kind != stream.kind or media.protocol not in stream.protocols:
        return None
    common = _common(media.encodings, stream.encodings)
    if all(encoding.name.upper() in BESIDE for encoding in common):
        return None
    direction = answering(media.direction, stream.direction)
    echoed = (name for name in sorted(stream.echoed) if media.attribute(name) is not None)
    return Media.of(media.kind, stream.port, media.protocol, common, direction, *stream.attributes, *echoed)


def _common(offered: Iterable[Encoding], ours: Iterable[Encoding]) -> list[Encoding]:
    """Return what both can, with the offer's numbers and in its order. Our fmtp says what we take; without one the offer's is confirmed."""
    mine = {encoding.key: encoding for encoding in reversed(tuple(ours))}
    return [
        evolve(encoding, parameters=mine[encoding.key].parameters or encoding.parameters) for encoding in offered if encoding.key in mine
    ]


def answering(offered: str, wanted: str) -> str:
    """Return the direction that answers `offered` with as much of `wanted` as it allows (RFC 3264 6.1)."""
    may = OPPOSITE[offered]
    sends = may in ("sendrecv", "sendonly") and wanted in ("sendrecv", "sendonly")
    receives = may in ("sendrecv", "recvonly") and wanted in ("sendrecv", "recvonly")
    return "sendrecv" if sends and receives else "sendonly" if sends else "recvonly" if receives else "inactive"


def offer(streams: Sequence[Stream], origin: Origin, address: str, before: Description | None = None) -> Description:
    """Return an offer of these streams."""
    left = list(streams)
    media = []
    for old in before.media if before is not None else ():
        stream = next((stream for stream in left if stream.kind == old.kind), None)
        if stream is None:
            media.append(old.refused())
        else:
            left.remove(stream)
            media.append(_offered(stream))
    media += [_offered(stream) for stream in left]
    return Description.of(origin, address, media)


def _offered(stream: Stream) -> Media:
    more = (*stream.attributes, *sorted(stream.echoed))
    return Media.of(stream.kind, stream.port, stream.protocols[0], stream.encodings, stream.direction, *more)


def agreed(local: Description, remote: Description) -> tuple[Agreed | None, ...]:
    """Return what flows for each m= line; None where it was refused, has ended, or nothing is common (RTP only).

    Raises Malformed when the far side describes a stream that says nothing.
    """
    _meaningful(remote)
    return tuple(_agreed(ours, theirs) for ours, theirs in zip(local.media, remote.media, strict=False))


def _agreed(ours: Media, theirs: Media) -> Agreed | None:
    if not ours.port or not theirs.port or ours.kind != theirs.kind or "RTP/" not in theirs.protocol:
        return None
    mine = {encoding.key: encoding.payload for encoding in reversed(ours.encodings)}
    both = [(encoding, mine[encoding.key]) for encoding in theirs.encodings if encoding.key in mine]
    talk = tuple(pair for pair in both if pair[0].name.upper() not in BESIDE)
    if not talk:
        return None
    event = next((pair for pair in both if pair[0].name.upper() == EVENT and pair[0].rate == talk[0][0].rate), None)
    event = event or next((pair for pair in both if pair[0].name.upper() == EVENT), None)
    heard, said = theirs.direction in ("sendrecv", "recvonly"), theirs.direction in ("sendrecv", "sendonly")
    sends = heard and ours.direction in ("sendrecv", "sendonly") and theirs.address not in NOWHERE
    receives = said and ours.direction in ("sendrecv", "recvonly")
    return Agreed(ours, theirs, talk, event, sends, receives, theirs.held)


def held(remote: Description) -> bool:
    """Tell whether the far side has put us on hold: of the streams that live it wants to hear none."""
    living = [media for media in remote.media if media.port]
    spoken = [media for media in living if media.kind == "audio"] or living
    return bool(spoken) and all(media.held for media in spoken)


def hold(description: Description, direction: str = "sendonly") -> Description:
    """Return a description of ours that puts the far side on hold, or with "sendrecv" takes it back."""
    return description.with_media(media.with_direction(direction) if media.port else media for media in description.media)


def restrict(description: Description, allowed: Iterable[str]) -> Description | None:
    """Return a description whose audio has no other encodings than these (and telephone-event, CN); other media stay as they are.

    `allowed` are codec names of an option, ours or the registered ones. None when an audio stream that lives would have nothing left.
    """
    names = {KNOWN[name.lower()].name.upper() if name.lower() in KNOWN else name.upper() for name in allowed} | BESIDE
    media = []
    for one in description.media:
        if one.kind != "audio" or not one.port:
            media.append(one)
            continue
        kept = [encoding for encoding in one.encodings if encoding.name.upper() in names]
        if all(encoding.name.upper() in BESIDE for encoding in kept):
            return None
        numbers = tuple(str(encoding.payload) for encoding in kept)
        lines = tuple(line for line in one.lines if line[0] != "a" or _of(line[1]) in numbers or not _of(line[1]))
        media.append(evolve(one, formats=numbers, lines=lines))
    return description.with_media(media)


def _of(attribute: str) -> str:
    """Return the payload number that an rtpmap, fmtp or rtcp-fb speaks of; "" for others."""
    name, _, rest = attribute.partition(":")
    number = rest.split(None, 1)[0] if name in ("rtpmap", "fmtp", "rtcp-fb") and rest.strip() else ""
    return "" if number == "*" else number


def anywhere(address: str) -> str:
    """Return the address that holds a stream in RFC 2543's way, of the family of `address`."""
    return "::" if family(address) == "IP6" else "0.0.0.0"  # noqa: S104  (written, not bound to)
