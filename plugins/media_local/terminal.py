"""The house's end of one channel's media, so far as Sound and Relay are alike: offers and answers, ports, the stream. RFC 3264.

Rule: what may be said is negotiation's business, what was said is a Description; from both comes what the stream goes by. One audio stream:
other media are refused, in their place.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from pipeline.core.media import Unacceptable, Unavailable
from pipeline.datagrams import literal
from pipeline.sip import negotiation, sdp
from pipeline.sip.grammar import Malformed

from .codecs import FRAME, codec_of
from .rtcp import NTP_EPOCH
from .stream import EVENTS, NOISE, Agreed, Stream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.core.causes import Hangup
    from pipeline.core.channel import Channel

    from .codecs import Codec
    from .room import Room

DYNAMIC = {"l16": 96, "slin16": 97, "slin48": 98}
"""The payload types that we offer."""
EVENT_TYPES = {8000: 101, 16000: 102, 44100: 103, 48000: 104}
"""Digits have the clock of the sound (RFC 4733 2.1)."""
EVENT_RANGE = "0-15"
PROTOCOLS = ("RTP/AVP", "RTP/AVPF")
MUX = frozenset({"rtcp-mux"})
PTIMES = range(10, 61, 10)
"""Milliseconds of sound per packet that we make when we are asked to."""


def encodings_of(codecs: Iterable[Codec], *, events: bool = True) -> tuple[sdp.Encoding, ...]:
    """Return what stands in an offer for these codecs, and digits for each of their clocks."""
    codecs = tuple(codecs)
    found = [
        sdp.Encoding(DYNAMIC[codec.name] if codec.static is None else codec.static, codec.encoding, codec.rate, codec.channels)
        for codec in codecs
    ]
    rates = dict.fromkeys(codec.rate for codec in codecs if events)
    return (*found, *(sdp.Encoding(EVENT_TYPES[rate], "telephone-event", rate, 1, EVENT_RANGE) for rate in rates))


def codecs_offered(description: bytes | None) -> tuple[Codec, ...]:
    """Return the codecs of ours that a description has, in its order."""
    if not description:
        return ()
    try:
        media = sdp.parse(description).media
    except Malformed:
        return ()
    found = (codec_of(one.name, one.rate, one.channels) for each in media if each.kind == "audio" for one in each.encodings)
    return tuple(dict.fromkeys(codec for codec in found if codec is not None))


class Terminal:
    """Offers, answers, ports."""

    __slots__ = ("_before", "_offered", "_session", "_version", "channel", "closed", "local", "provider", "room", "stream")

    def __init__(self, room: Room, channel: Channel) -> None:
        self.room = room
        self.channel = channel
        self.provider = room.provider
        self.stream: Stream | None = None
        self.local: sdp.Description | None = None
        """What we said last, and is in force."""
        self.closed = False
        self._offered: sdp.Description | None = None
        self._before: sdp.Description | None = None
        self._session = str(zlib.crc32(channel.id.encode()) | int(channel.created) << 32)
        self._version = 0

    @property
    def agreed(self) -> Agreed | None:
        """What was agreed with the peer."""
        return self.stream.agreed if self.stream is not None else None

    @property
    def digits(self) -> str:
        """How digits come and go here, the endpoint's `dtmf_mode`: rfc4733, info, inband, none; auto: in RTP if agreed, else as tones."""
        return self.channel.variables.get("dtmf_mode", "auto")

    @property
    def dials_tones(self) -> bool:
        """Whether digits go to the peer as tones."""
        agreed, mode = self.agreed, self.digits
        return agreed is not None and agreed.event is None and mode in ("auto", "inband")

    @property
    def hears_tones(self) -> bool:
        """Whether the peer's digits are looked for in its sound."""
        agreed, mode = self.agreed, self.digits
        return agreed is not None and (mode == "inband" or (mode == "auto" and agreed.event is None and self.room.inband))

    def codecs(self) -> tuple[Codec, ...]:
        """Return what may be spoken here, the best first."""
        return self.room.codecs_of(self.channel)

    def answering(self) -> tuple[tuple[Codec, ...], ...]:
        """Return what an offer is answered with: the first of these sets of codecs of which it has any."""
        return (self.codecs(),)

    def ready(self) -> None:
        """Something was agreed, for the first time or anew."""

    # -- what the driver asks ------------------------------------------------------------------------------------------

    def offer(self) -> bytes:
        """Return our offer; raises Unavailable."""
        stream = self._open("")
        offered = self._versioned(
            negotiation.offer((self._can(stream, self.codecs()),), self._origin(stream), self._address(stream), self._before or self.local)
        )
        self._offered = offered
        return offered.encode()

    def answer(self, offer: bytes) -> bytes:
        """Return our answer; raises Unacceptable, Unavailable."""
        remote = self._parse(offer)
        spoken = next((media for media in remote.media if media.kind == "audio" and media.port), None)
        stream = self._open(spoken.address if spoken is not None else "")
        answer = None
        for codecs in self.answering():
            try:
                answer = negotiation.answer(remote, (self._can(stream, codecs),), self._origin(stream), self._address(stream))
            except Malformed as error:
                raise Unacceptable(str(error)) from error
            if answer is not None:
                break
        if answer is None:
            raise Unacceptable("nothing that is offered can be spoken here")
        self._offered = None
        self.local = self._before = self._versioned(answer)
        self._go_by(self.local, remote)
        return self.local.encode()

    def accept(self, answer: bytes) -> None:
        """Take the answer to our offer; raises Unacceptable."""
        local = self._offered or self.local
        if local is None:
            raise Unacceptable("an answer to nothing")
        self._go_by(local, self._parse(answer), needed=True)
        self.local, self._offered = local, None

    def reject(self, hangup: Hangup) -> None:
        """Forget our offer. Its version is used up; its m= lines are not those in force."""
        self._offered = None

    def withdraw(self) -> None:
        """Every offer has been answered at once: there is none that waits."""

    def early(self, answer: bytes) -> bool:
        """Take what the peer says before it answers."""
        local = self._offered or self.local
        if local is None:
            return False
        try:
            self._go_by(local, self._parse(answer), needed=True)
        except Unacceptable:
            return False
        agreed = self.agreed
        return agreed is not None and agreed.hears

    def close(self) -> None:
        """Give the ports back."""
        self.closed = True
        if self.stream is not None:
            self.stream.close()

    def show(self) -> dict[str, Any]:
        """Return what is agreed and counted."""
        return {"provider": self.provider} | (self.stream.show() if self.stream is not None else {})

    # -- within --------------------------------------------------------------------------------------------------------

    def _parse(self, description: bytes) -> sdp.Description:
        try:
            remote = sdp.parse(description)
        except Malformed as error:
            raise Unacceptable(str(error)) from error
        for media in remote.media:
            if media.kind == "audio" and media.port and not self.room.may_send(self.channel, media.address, media.port):
                raise Unacceptable(f"nothing is sent to {media.address}:{media.port}")
        return remote

    def _open(self, peer: str) -> Stream:
        """Have ports of the family that the peer speaks."""
        if self.closed:
            raise Unavailable("these media are closed")
        stream = self.stream
        peer = "" if peer in sdp.NOWHERE or not literal(peer) else peer
        if stream is not None:
            if not peer or (":" in peer) == (":" in stream.pair.rtp.local[0]):
                return stream
            self.stream = None  # it is closed once, also when there is no other
            stream.close()
        stream = Stream(self.room, self.room.host_for(self.channel, peer), timeouts=self.room.timeouts_of(self.channel))
        stream.latch.near = getattr(self.channel.leg, "peer_host", "")
        stream.latch.wary = self.room.wary(self.channel)
        stream.on_dead = self._dead
        stream.on_digit = self.channel.told_digit
        self.stream = stream
        return stream

    def _can(self, stream: Stream, codecs: tuple[Codec, ...]) -> negotiation.Stream:
        return negotiation.Stream(
            stream.port,
            encodings_of(codecs, events=self.digits in ("rfc4733", "auto")),
            protocols=PROTOCOLS,
            attributes=("ptime:20",),
            echoed=MUX,
        )

    def _address(self, stream: Stream) -> str:
        return self.room.told(self.channel, stream.pair.rtp.local[0].partition("%")[0])

    def _origin(self, stream: Stream) -> sdp.Origin:
        # Milliseconds: the next terminal of the same leg says the same session with a higher version.
        version = max(self._version + 1, int((self.room.time() + NTP_EPOCH) * 1000))
        return sdp.Origin("-", self._session, str(version), self._address(stream))

    def _versioned(self, description: sdp.Description) -> sdp.Description:
        """Keep the version while nothing changes (RFC 3264 8)."""
        last = self._before
        if last is not None and description.same(last):
            return last
        self._version = int(description.origin.version)
        self._before = description
        return description

    def _go_by(self, local: sdp.Description, remote: sdp.Description, *, needed: bool = False) -> None:
        spoken = next((one for one in negotiation.agreed(local, remote) if one is not None and one.local.kind == "audio"), None)
        agreed = agreement(spoken) if spoken is not None else None
        stream = self.stream
        if self.closed:
            return  # what was under way when the channel ended
        if agreed is None or stream is None:
            if needed:
                raise Unacceptable("the answer takes nothing of the offer")
            return  # an offer that ends all streams: legal, and there is nothing to be heard until the next
        stream.latch.near = getattr(self.channel.leg, "peer_host", "")  # of whom we call it is known when he has answered
        stream.agree(agreed)
        self.ready()

    def _dead(self, seconds: float) -> None:
        if not self.channel.answered:
            if self.stream is not None:
                self.stream.alive = self.room.now()  # who only rings need not send anything
            return
        self.room.engine.tell("media.timeout", channel=self.channel, seconds=seconds)
        self.channel.told_media_failed()


def agreement(spoken: negotiation.Agreed) -> Agreed | None:
    """Return what the stream goes by; None when there is no codec of ours."""
    types: dict[int, Codec | str] = {}
    back: dict[Codec, int] = {}
    for encoding, ours in spoken.encodings:
        codec = codec_of(encoding.name, encoding.rate, encoding.channels)
        if codec is not None:
            types.setdefault(ours, codec)
            types.setdefault(encoding.payload, codec)  # some send with the number they asked for
            back.setdefault(codec, encoding.payload)
    if not back:
        return None
    for encoding in spoken.local.encodings:
        if encoding.name.lower() == EVENTS:
            types[encoding.payload] = EVENTS
    event = None
    if spoken.event is not None:
        event, ours = spoken.event[0].payload, spoken.event[1]
        types[ours] = types[event] = EVENTS
    types.setdefault(13, NOISE)
    codec = next(iter(back))
    asked = spoken.ptime
    wish = asked / 1000 if asked is not None and asked in PTIMES else FRAME
    ptime = wish if codec.longest() == FRAME else codec.longest()
    mux = spoken.local.attribute("rtcp-mux") is not None and spoken.remote.attribute("rtcp-mux") is not None
    remote = spoken.address
    reports = remote if mux else spoken.rtcp
    if reports[0] != remote[0]:  # RFC 3605 allows it; nobody is sent reports because somebody else has named him
        reports = (remote[0], remote[1] + 1)
    return Agreed(codec, types, back, event, remote, reports, mux, spoken.sends, spoken.receives, spoken.held, ptime)
