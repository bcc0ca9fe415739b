"""What a scripted phone offers and answers, and what it believes was agreed. RFC 3264, RFC 8866.

Rule: written apart from pipeline/sip/sdp.py and negotiation.py, so that the two check each other. What the peer does against RFC 3264
is noted in `faults` and changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

PAYLOADS = {"PCMU": 0, "GSM": 3, "PCMA": 8, "G722": 9, "G729": 18, "L16": 96, "opus": 111, "telephone-event": 101, "H264": 99, "VP8": 100}
CLOCKS = {"opus": "48000/2", "H264": "90000", "VP8": "90000"}
STATIC = {"0": "PCMU", "3": "GSM", "8": "PCMA", "9": "G722", "18": "G729"}
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")


@attrs.frozen
class Media:
    """What a phone can do."""

    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    dtmf: bool = True
    """Offer telephone-event (RFC 4733)."""
    video: tuple[str, ...] = ()
    """Video codecs; none: no video is offered, and an offered one is refused."""
    fax: bool = False
    fax_lines: tuple[str, ...] = ("a=T38FaxVersion:0", "a=T38FaxUdpEC:t38UDPRedundancy")
    """What its answers say of T.38."""
    """Take a T.38 stream (image/udptl) when one is offered."""


@attrs.frozen
class Stream:
    """One m= section as its reader understands it."""

    kind: str
    port: int
    protocol: str
    codecs: tuple[str, ...]
    payloads: tuple[str, ...]
    direction: str
    address: str

    @property
    def alive(self) -> bool:
        """Tell whether it is not refused."""
        return self.port != 0


def streams(description: bytes) -> list[Stream]:
    """Read the m= sections of a description."""
    found: list[Stream] = []
    session_address, session_direction = "", "sendrecv"
    section: list[str] = []

    def ended() -> None:
        if section:
            found.append(_stream(section, session_address, session_direction))

    for line in description.decode("utf-8", "replace").splitlines():
        if line.startswith("m="):
            ended()
            section = [line]
        elif section:
            section.append(line)
        elif line.startswith("c="):
            session_address = line.split()[-1]
        elif line[2:] in DIRECTIONS:
            session_direction = line[2:]
    ended()
    return found


def _stream(section: list[str], address: str, direction: str) -> Stream:
    kind, port, protocol, *payloads = section[0][2:].split()
    names = dict(STATIC)
    for line in section[1:]:
        if line.startswith("c="):
            address = line.split()[-1]
        elif line.startswith("a=rtpmap:"):
            payload, _, encoding = line[9:].partition(" ")
            names[payload] = encoding.partition("/")[0]
        elif line[2:] in DIRECTIONS:
            direction = line[2:]
    codecs = tuple(names.get(payload, payload) for payload in payloads)
    if address == "0.0.0.0":  # noqa: S104  # RFC 3264 8.4: how RFC 2543 said hold
        direction = {"sendrecv": "sendonly", "recvonly": "inactive"}.get(direction, direction)
    return Stream(kind, int(port.partition("/")[0]), protocol, codecs, tuple(payloads), direction, address)


def origin(description: bytes) -> tuple[str, int]:
    """(everything of o= but its version, the version)."""
    line = next(line for line in description.decode("utf-8", "replace").splitlines() if line.startswith("o="))
    parts = line[2:].split()
    return " ".join([*parts[:2], *parts[3:]]), int(parts[2])


class Exchange:
    """One call's descriptions: what was offered, answered, agreed."""

    def __init__(self, media: Media, address: str, session: int) -> None:
        self.media = media
        self.address = address
        self.port = 0
        """Of our audio; video has the next but one."""
        self.local: bytes = b""
        self.remote: bytes = b""
        self.offered: bytes = b""
        """Our offer that is not answered yet."""
        self.taken: bytes = b""
        """Their offer that we have not answered yet."""
        self.direction = "sendrecv"
        """What we want: sendonly while we hold."""
        self.zero = False
        """Hold by c=0.0.0.0 instead."""
        self.faults: list[str] = []
        self._session, self._version = session, 0
        self._last = b""
        self._seen: tuple[str, int, bytes] | None = None

    @property
    def agreed(self) -> bool:
        """Tell whether an exchange has been completed."""
        return bool(self.local)

    # -- ours --------------------------------------------------------------------------------------------------------

    def offer(self, own: bytes = b"") -> bytes:
        """Make an offer (or take `own`); it holds as soon as it is answered."""
        self.offered = own or self._written(self._sections())
        return self.offered

    def answered(self, answer: bytes) -> None:
        """Take the answer to our offer."""
        self._look(answer)
        ours, theirs = streams(self.offered), streams(answer)
        if len(ours) != len(theirs):
            self.faults.append(f"an offer of {len(ours)} streams got an answer of {len(theirs)} (RFC 3264 6)")
        for mine, his in zip(ours, theirs, strict=False):
            if mine.kind != his.kind:
                self.faults.append(f"{mine.kind} was answered by {his.kind} (RFC 3264 6)")
            elif his.alive and not mine.alive:
                self.faults.append("a stream that was offered with port 0 was taken (RFC 3264 6)")
            elif (
                his.alive
                and mine.protocol.startswith("RTP")
                and not {name.lower() for name in mine.codecs} & {name.lower() for name in his.codecs}
            ):
                self.faults.append(f"{mine.codecs} was answered by {his.codecs} (RFC 3264 6.1)")
            elif his.alive and not _fits(mine.direction, his.direction):
                self.faults.append(f"{mine.direction} was answered by {his.direction} (RFC 3264 6.1)")
        self.local, self.remote, self.offered = self.offered, answer, b""

    def withdrawn(self) -> None:
        """Our offer was refused: what was agreed before stands."""
        self.offered = b""

    # -- theirs ------------------------------------------------------------------------------------------------------

    def take(self, offer: bytes) -> bytes | None:
        """Answer an offer; None when nothing of it can be taken. What is agreed changes with `settle`."""
        self._look(offer)
        self.taken = offer
        sections, any_taken = [], False
        for index, stream in enumerate(streams(offer)):
            section = self._answer(index, stream)
            any_taken = any_taken or section is not None
            if section is None:
                section = [f"m={stream.kind} 0 {stream.protocol} {' '.join(stream.payloads)}"]
            sections.append(section)
        if not any_taken:
            self.taken = b""
            return None
        return self._written(sections)

    def settle(self, answer: bytes) -> None:
        """Our answer has been given."""
        self.local, self.remote, self.taken = answer, self.taken, b""

    def _answer(self, index: int, stream: Stream) -> list[str] | None:
        if not stream.alive:
            return None
        if stream.kind == "image" and self.media.fax:
            return [f"m=image {self.port + 4} udptl t38", *self.media.fax_lines]
        can = self.media.codecs if stream.kind == "audio" else self.media.video if stream.kind == "video" else ()
        wanted = {name.lower() for name in can}
        chosen = [(payload, name) for payload, name in zip(stream.payloads, stream.codecs, strict=True) if name.lower() in wanted]
        if not chosen:
            return None
        if self.media.dtmf and stream.kind == "audio":
            chosen += [(p, name) for p, name in zip(stream.payloads, stream.codecs, strict=True) if name.lower() == "telephone-event"]
        return self._section(stream.kind, self._port(index), stream.protocol, chosen, answering(stream.direction, self.direction))

    # -- writing -----------------------------------------------------------------------------------------------------

    def _port(self, index: int) -> int:
        return self.port + 2 * index

    def _sections(self) -> list[list[str]]:
        """Our m= sections: those agreed keep their places (RFC 3264 8), new ones follow."""
        audio = [(str(PAYLOADS[name]), name) for name in self.media.codecs]
        if self.media.dtmf:
            audio.append((str(PAYLOADS["telephone-event"]), "telephone-event"))
        sections = []
        before = streams(self.local) if self.local else []
        for index, stream in enumerate(before):
            if stream.kind == "audio":
                sections.append(self._section("audio", self._port(index), "RTP/AVP", audio, self.direction))
            elif stream.kind == "video" and self.media.video:
                sections.append(self._video(index))
            else:
                sections.append([f"m={stream.kind} 0 {stream.protocol} {' '.join(stream.payloads)}"])
        if not before:
            sections.append(self._section("audio", self._port(0), "RTP/AVP", audio, self.direction))
            if self.media.video:
                sections.append(self._video(1))
        return sections

    def _video(self, index: int) -> list[str]:
        return self._section(
            "video", self._port(index), "RTP/AVP", [(str(PAYLOADS[name]), name) for name in self.media.video], self.direction
        )

    @staticmethod
    def _section(kind: str, port: int, protocol: str, codecs: Iterable[tuple[str, str]], direction: str) -> list[str]:
        codecs = list(codecs)
        lines = [f"m={kind} {port} {protocol} {' '.join(payload for payload, _ in codecs)}"]
        lines += [f"a=rtpmap:{payload} {name}/{CLOCKS.get(name, '8000')}" for payload, name in codecs]
        lines += [f"a=fmtp:{payload} 0-16" for payload, name in codecs if name == "telephone-event"]
        return [*lines, f"a={direction}"]

    def _written(self, sections: list[list[str]]) -> bytes:
        family = "IP6" if ":" in self.address else "IP4"
        where = ("0.0.0.0" if family == "IP4" else "::") if self.zero else self.address  # noqa: S104
        rest = "\r\n".join(["s=-", f"c=IN {family} {where}", "t=0 0", *(line for section in sections for line in section), ""]).encode()
        if rest != self._last:
            self._version += 1
            self._last = rest
        return b"v=0\r\n" + f"o=phone {self._session} {self._version} IN {family} {self.address}\r\n".encode() + rest

    def _look(self, description: bytes) -> None:
        """What RFC 3264 8 asks of the peer's o= line as the call goes on."""
        try:
            name, version = origin(description)
        except (StopIteration, ValueError, IndexError):
            self.faults.append("a description without a proper o= line")
            return
        rest = b"\r\n".join(line for line in description.splitlines() if not line.startswith(b"o="))
        if self._seen is not None:
            old_name, old_version, old_rest = self._seen
            if name != old_name:
                self.faults.append(f"o= changed from {old_name!r} to {name!r} within the call (RFC 3264 8)")
            elif version < old_version:
                self.faults.append(f"the version of o= went back from {old_version} to {version} (RFC 3264 8)")
            elif version == old_version and rest != old_rest:
                self.faults.append(f"the description changed, its version {version} did not (RFC 3264 8)")
        self._seen = name, version, rest


def _fits(offered: str, answered: str) -> bool:
    """Whether a direction may answer another (RFC 3264 6.1)."""
    return (
        answered
        in {
            "sendrecv": DIRECTIONS,
            "sendonly": ("recvonly", "inactive"),
            "recvonly": ("sendonly", "inactive"),
            "inactive": ("inactive",),
        }[offered]
    )


def answering(offered: str, wanted: str) -> str:
    """The direction that answers an offer: as much of what we want as it lets us."""
    sends = offered in ("sendrecv", "recvonly") and wanted in ("sendrecv", "sendonly")
    receives = offered in ("sendrecv", "sendonly") and wanted in ("sendrecv", "recvonly")
    return "sendrecv" if sends and receives else "sendonly" if sends else "recvonly" if receives else "inactive"


def mirror(one: bytes, other: bytes, *, addresses: bool = True) -> bool:
    """Tell whether `one`, as its maker sees it, and `other`, as the far end got it, speak of the same living streams."""
    mine, his = ([stream for stream in streams(each) if stream.alive] for each in (one, other))
    return len(mine) == len(his) and all(
        (a.kind, a.direction) == (b.kind, b.direction) and (not addresses or (a.address, a.port) == (b.address, b.port))
        for a, b in zip(mine, his, strict=True)
    )
