"""Fax over UDPTL: what two sides say about it and settle on, and how far they are. RFC 3362, ITU-T T.38 Annex D.

    read(description) -> Parameters | None      of its fax stream that lives; None: it has none
    written(description, parameters)            with these, nothing else touched
    declined(description)                       with its fax streams refused in their places
    negotiated(offer, answer) -> Parameters     what an answer may say after that offer
    Fax                                         the state of one session: disabled, local_reinvite, peer_reinvite, enabled, rejected

Rules:
- Values; a description without a fax stream is not even parsed.
- Version, bit rate, error correction and what may be left out of a page are settled: the answer has no more of them than the offer. The
  rate management is the offer's. Buffer and datagram are what each side can take, and nobody else's business.
- A session is `rejected` when fax was refused, by an error or by port 0; what was agreed before, usually audio, stands.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict, evolve, frozen

from .grammar import Malformed
from .sdp import Media, parse

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CORRECTIONS", "Fax", "Parameters", "State", "declined", "negotiated", "read", "written"]

CORRECTIONS: Final = ("none", "redundancy", "fec")
"""Error corrections, each with what it is able to besides: who can take FEC can take repeated packets."""
_SPELT: Final = {"none": "t38UDPNoEC", "redundancy": "t38UDPRedundancy", "fec": "t38UDPFEC"}
_CORRECTION: Final = {spelt.lower(): name for name, spelt in _SPELT.items()}
_TRANSFERRED: Final = "transferredTCF"
_NAMES: Final = {
    "version": "T38FaxVersion",
    "bit_rate": "T38MaxBitRate",
    "fill_bit_removal": "T38FaxFillBitRemoval",
    "transcoding_mmr": "T38FaxTranscodingMMR",
    "transcoding_jbig": "T38FaxTranscodingJBIG",
    "rate_management": "T38FaxRateManagement",
    "max_buffer": "T38FaxMaxBuffer",
    "max_datagram": "T38FaxMaxDatagram",
    "error_correction": "T38FaxUdpEC",
}
"""The attributes, in the order of Annex D."""
_FIELDS: Final = {
    **{name.lower(): field for field, name in _NAMES.items()},
    "t38faxmaxbitrate": "bit_rate",  # as some gateways write it
    "t38maxdatagram": "max_datagram",
}
_FLAGS: Final = frozenset({"fill_bit_removal", "transcoding_mmr", "transcoding_jbig"})
_NUMBERS: Final = frozenset({"version", "bit_rate", "max_buffer", "max_datagram"})


@frozen
class Parameters:
    """What one side says of its fax; None: it does not say."""

    version: int | None = None
    bit_rate: int | None = None
    """Bits per second that it can take."""
    fill_bit_removal: bool = False
    transcoding_mmr: bool = False
    transcoding_jbig: bool = False
    rate_management: str | None = None
    """localTCF or transferredTCF: who checks the line, the gateways or the fax machines."""
    max_buffer: int | None = None
    """Octets."""
    max_datagram: int | None = None
    """Octets of the longest UDPTL packet that it can take."""
    error_correction: str | None = None
    """One of CORRECTIONS."""

    def limited(self, correction: str = "", datagram: int = 0) -> Parameters:
        """Return them with no better error correction than this ("": any), and with this longest datagram (0: its own)."""
        found = self
        if correction and self.error_correction is not None:
            found = evolve(found, error_correction=_lesser(self.error_correction, correction))
        return evolve(found, max_datagram=datagram) if datagram else found

    def shown(self) -> dict[str, Any]:
        """Return what is said, by the names of the fields."""
        return {name: value for name, value in asdict(self).items() if value not in (None, False)}


def read(description: bytes) -> Parameters | None:
    """Return the parameters of the first fax stream that lives; None when there is none, or the description cannot be read."""
    if b"m=image" not in description:
        return None
    try:
        media = parse(description).media
    except Malformed:
        return None
    return next((_parameters(one) for one in media if one.port and _is_fax(one)), None)


def written(description: bytes, parameters: Parameters) -> bytes:
    """Return the description with these parameters for its fax streams; as it is, to the last octet, when it says the same already."""
    found = parse(description)
    if all(_parameters(one) == parameters for one in found.media if one.port and _is_fax(one)):
        return description
    return found.with_media(_with(one, parameters) if one.port and _is_fax(one) else one for one in found.media).encode()


def declined(description: bytes) -> bytes | None:
    """Return the description with its fax streams refused (port 0); None when nothing else lives in it."""
    found = parse(description)
    media = [one.refused() if _is_fax(one) else one for one in found.media]
    return found.with_media(media).encode() if any(one.port for one in media) else None


def negotiated(offer: Parameters, answer: Parameters) -> Parameters:
    """Return an answer that says no more than the offer allows (Annex D.2.3)."""
    correction = answer.error_correction
    return evolve(
        answer,
        version=None if answer.version is None else min(answer.version, offer.version or 0),
        bit_rate=answer.bit_rate if None in (answer.bit_rate, offer.bit_rate) else min(answer.bit_rate, offer.bit_rate),  # type: ignore[type-var]
        fill_bit_removal=answer.fill_bit_removal and offer.fill_bit_removal,
        transcoding_mmr=answer.transcoding_mmr and offer.transcoding_mmr,
        transcoding_jbig=answer.transcoding_jbig and offer.transcoding_jbig,
        rate_management=None if answer.rate_management is None else offer.rate_management or _TRANSFERRED,
        error_correction=None if correction is None else _lesser(correction, offer.error_correction or "none"),
    )


def _lesser(one: str, other: str) -> str:
    return min(one, other, key=CORRECTIONS.index)


def _is_fax(media: Media) -> bool:
    return media.kind == "image" and media.protocol.lower() == "udptl" and any(name.lower() == "t38" for name in media.formats)


def _parameters(media: Media) -> Parameters:
    said: dict[str, Any] = {}
    for field, text in _said(media.lines):
        if field in said:
            continue
        if field in _FLAGS:
            said[field] = text != "0"
        elif field in _NUMBERS:
            if text.isascii() and text.isdigit() and len(text) < 10:
                said[field] = int(text)
        elif field == "error_correction":
            if text.lower() in _CORRECTION:
                said[field] = _CORRECTION[text.lower()]
        elif text:
            said[field] = text
    return Parameters(**said)


def _said(lines: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    for kind, value in lines:
        if kind == "a":
            name, _, text = value.partition(":")
            field = _FIELDS.get(name.strip().lower())
            if field is not None:
                yield field, text.strip()


def _with(media: Media, parameters: Parameters) -> Media:
    others = tuple(line for line in media.lines if not any(_said((line,))))
    lines = []
    for field, name in _NAMES.items():
        value = getattr(parameters, field)
        if field == "error_correction" and value is not None:
            value = _SPELT[value]
        if value is True:
            lines.append(("a", name))
        elif value not in (None, False):
            lines.append(("a", f"{name}:{value}"))
        elif value == 0 and field in _NUMBERS:
            lines.append(("a", f"{name}:0"))
    return evolve(media, lines=(*others, *lines))


class State(StrEnum):
    """How far a session is with fax."""

    DISABLED = "disabled"
    LOCAL_REINVITE = "local_reinvite"
    """We have offered it."""
    PEER_REINVITE = "peer_reinvite"
    """The peer has offered it."""
    ENABLED = "enabled"
    REJECTED = "rejected"


class Fax:
    """The fax of one session: told of every offer, answer and refusal of it, with the fax parameters of each or None."""

    __slots__ = ("_before", "_offer", "local", "remote", "state")

    def __init__(self) -> None:
        self.state = State.DISABLED
        self.local: Parameters | None = None
        """What we have said last."""
        self.remote: Parameters | None = None
        """What the peer has said last."""
        self._offer: Parameters | None = None
        self._before = State.DISABLED

    @property
    def open(self) -> bool:
        """Whether fax has been offered, by either side, and not answered."""
        return self.state in (State.LOCAL_REINVITE, State.PEER_REINVITE)

    def offered(self, parameters: Parameters | None, *, by_peer: bool) -> None:
        """Take an offer; without fax it asks for whatever else it has."""
        if not self.open:
            self._before = self.state
        self._offer = parameters
        if parameters is None:
            return
        if by_peer:
            self.state, self.remote = State.PEER_REINVITE, parameters
        else:
            self.state, self.local = State.LOCAL_REINVITE, parameters

    def answered(self, parameters: Parameters | None, *, by_peer: bool) -> Parameters | None:
        """Take the answer to what was offered; return it as it may be."""
        if parameters is None or self._offer is None:
            self.state = State.DISABLED if self._offer is None else State.REJECTED
            self.local = self.remote = None
            return None
        settled = negotiated(self._offer, parameters)
        if by_peer:
            self.remote = settled
        else:
            self.local = settled
        self.state = State.ENABLED
        return settled

    def refused(self) -> None:
        """The offer was refused or withdrawn: what was agreed before stands."""
        if self.open:
            self.state = State.ENABLED if self._before is State.ENABLED else State.REJECTED
        self._offer = None
