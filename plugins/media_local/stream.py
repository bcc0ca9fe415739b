"""One RTP stream to and from one peer: sockets, who the peer is, what came, reports, and when it is dead. RFC 3550, RFC 4961, RFC 5761.

Rule: a packet costs no task, no timer and no object: it goes from the socket to whoever listens (`on_sound`) in one call. Nothing here
knows what the sound is for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from . import rtcp
from .dtmf import Hearing
from .latch import Latch
from .rtp import HEADER, PLAIN, SIZE, Received, payload_of
from .sender import Sender

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.flow import Address

    from .codecs import Codec
    from .pacing import Seat
    from .ports import Pair
    from .room import Room

EVENTS = "telephone-event"
NOISE = "CN"
"""What a payload type may stand for besides a codec: digits, or comfort noise, which is heard and passed over (RFC 3389)."""

LARGEST = 12000
"""Bytes of a packet that is taken: 60 ms of L16 at 44.1 kHz in stereo have 10,596, and a jitter buffer keeps fifty."""
FLOOD = 1000
"""Packets of the peer that are taken in a second: twenty times the usual fifty, five times those of stereo L16. Whoever sends more, or two
echoes that were told to send to each other, cost no more than this."""

OnSound = "Callable[[Codec, bytes, int, int, int], object]"


@frozen(eq=False)
class Agreed:
    """What was agreed with the peer about its sound."""

    codec: Codec
    """What we send."""
    types: Mapping[int, Codec | str]
    """What each payload type that comes stands for."""
    back: Mapping[Codec, int]
    """Under which payload type each codec that we may send goes."""
    event: int | None
    """The payload type of digits that we send; None: as tones."""
    remote: Address
    reports: Address
    """Where RTCP goes."""
    mux: bool
    """RTCP shares the port."""
    sends: bool
    """We may send."""
    hears: bool
    """The peer may send."""
    held: bool
    """The peer has put us on hold."""
    ptime: float
    """Seconds of sound in a packet that we make."""


class Stream:
    """An RTP stream."""

    __slots__ = (
        "_came",
        "_due",
        "_events",
        "_seat",
        "_sent",
        "agreed",
        "alive",
        "bad",
        "flood",
        "heard",
        "latch",
        "on_dead",
        "on_digit",
        "on_sound",
        "pair",
        "received",
        "report_to",
        "room",
        "sender",
        "timeout",
        "timeout_hold",
        "types",
        "unknown",
    )

    def __init__(self, room: Room, host: str, *, timeouts: tuple[float, float]) -> None:
        """Bind its ports on `host`; raises media.Unavailable. `timeouts` in seconds, the second while the peer holds; 0: never dead."""
        self.room = room
        self.pair: Pair = room.ports.open(room.network, host, self._rtp, self._rtcp)
        self.sender = Sender(room.now, room.random)
        self.sender.send = self.pair.rtp.send
        self.latch = Latch(symmetric=room.symmetric)
        self.agreed: Agreed | None = None
        self.types: Mapping[int, Codec | str] = {}
        self.received: Received | None = None
        self.heard = rtcp.Heard()
        self.report_to: Address | None = None
        self.on_sound: Callable[[Codec, bytes, int, int, int], object] | None = None
        """on_sound(codec, payload, sequence, timestamp, marker): a packet of sound has come; marker is 0x80 or 0."""
        self.on_digit: Callable[[str, int], object] | None = None
        """on_digit(digit, milliseconds)."""
        self.on_dead: Callable[[float], object] | None = None
        """on_dead(seconds): nothing has come for so long although something should. Called each second until somebody does something."""
        self.timeout, self.timeout_hold = timeouts
        self.alive = room.now()
        """When something last came, or was last expected to begin."""
        self.bad = self.unknown = 0
        """Datagrams that were no RTP; packets of a type that was not agreed."""
        self.flood = 0
        """Packets of the peer that were too many."""
        self._came = 0  # since the last look
        self._events: Hearing | None = None
        self._due = 0.0
        self._sent = 0
        self._seat: Seat | None = None

    @property
    def port(self) -> int:
        """The RTP port."""
        return self.pair.rtp.local[1]

    def agree(self, agreed: Agreed) -> None:
        """Go by what was agreed, for the first time or anew."""
        before, self.agreed = self.agreed, agreed
        self.types = agreed.types
        if agreed.mux:
            self.pair.join()
        if self._events is None or before is None or EVENTS not in before.types.values():
            self._events = Hearing(next(iter(agreed.back)).rate if agreed.back else 8000)
        sender = self.sender
        if before is None or before.codec is not agreed.codec or before.back[before.codec] != agreed.back[agreed.codec]:
            sender.change(agreed.back[agreed.codec], agreed.codec.rate)
        self.latch.describe(agreed.remote)
        destination = self.latch.destination
        if self.latch.source is None:
            self.report_to = agreed.reports if destination is not None else None
        sender.destination = destination if agreed.sends else None
        self.alive = self.room.now()
        if self._seat is None:
            self._due = self.alive + self._interval()
            self._seat = self.room.house.join(self._look)

    # -- what comes ----------------------------------------------------------------------------------------------------

    def _rtp(self, data: bytes, source: Address, _local: Address) -> None:
        if not SIZE <= len(data) <= LARGEST:
            self.bad += 1
            return
        first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
        if first == PLAIN:
            payload = data[SIZE:]
        else:
            if first & 0xC0 == PLAIN and 192 <= second <= 223:
                self._rtcp(data, source, _local)
                return
            whole = payload_of(data)
            if whole is None:
                self.bad += 1
                return
            payload = whole
        what = self.types.get(second & 0x7F)
        if what is None:
            if 192 <= second <= 223:
                self._rtcp(data, source, _local)
            else:
                self.unknown += 1
            return
        now = self.room.now()
        received = self.received
        if source != self.latch.source and not self._admit(source, ssrc, sequence, now):
            return
        self._came += 1
        if self._came > FLOOD:
            self.flood += 1
            return
        if received is None or received.ssrc != ssrc:
            received = self._begin(ssrc, sequence)
        received.count(sequence, timestamp, now)
        self.alive = now
        if what.__class__ is str:
            if what == EVENTS and self._events is not None and self.on_digit is not None:
                for digit, milliseconds in self._events.take(timestamp, payload):
                    self.on_digit(digit, milliseconds)
            return
        if self._events is not None and self._events.lasts and self.on_digit is not None:
            for digit, milliseconds in self._events.passed(timestamp):
                self.on_digit(digit, milliseconds)
        if self.on_sound is not None:
            self.on_sound(what, payload, sequence, timestamp, second & 0x80)  # type: ignore[arg-type]  # it is a Codec

    def _admit(self, source: Address, ssrc: int, sequence: int, now: float) -> bool:
        known = self.received.ssrc if self.received is not None else None
        if not self.latch.admit(source, ssrc, sequence, known=known, silent=now - self.alive):
            return False
        agreed = self.agreed
        if agreed is not None and agreed.sends:
            self.sender.destination = self.latch.destination
        if agreed is not None and self.latch.symmetric and source != agreed.remote:
            # RTCP goes where RTP went, until it is seen where it comes from.
            self.report_to = source if agreed.mux else (source[0], source[1] + 1)
        elif agreed is not None and self.report_to is None:
            self.report_to = agreed.reports
        return True

    def _begin(self, ssrc: int, sequence: int) -> Received:
        """A source is heard for the first time, or the peer has begun anew with another SSRC."""
        rate = self.agreed.codec.rate if self.agreed is not None else 8000
        if self.received is not None and self._events is not None:
            self._events = Hearing(rate)
        self.received = received = Received(ssrc, sequence, rate)
        return received

    def _rtcp(self, data: bytes, source: Address, _local: Address) -> None:
        peer = self.latch.source or self.latch.described
        if peer is None or source[0] != peer[0]:
            self.latch.strangers += 1
        elif rtcp.hear(data, self.sender.ssrc, self.heard, self.room.time()):
            self.alive = max(self.alive, self.room.now())
            if not self.latch.proven:
                self._prove(source)
            if self.latch.symmetric:
                self.report_to = source
        else:
            self.bad += 1

    def _prove(self, source: Address) -> None:
        """Something has come from the host that is described: media may go there, also when the phone is mute and sends none itself."""
        latch, agreed = self.latch, self.agreed
        if latch.described is None or source[0] != latch.described[0]:
            return
        latch.proven = True
        if agreed is not None:
            self.sender.destination = latch.destination if agreed.sends else None
            self.report_to = self.report_to or agreed.reports

    # -- once a second -------------------------------------------------------------------------------------------------

    def _interval(self) -> float:
        return rtcp.EVERY * (0.5 + self.room.random.random())

    def _look(self) -> None:
        """End a digit whose end was lost, report, and see whether the peer still lives."""
        now = self.room.now()
        self._came = 0
        if self._events is not None and self._events.lasts and now - self.alive > 0.5 and self.on_digit is not None:
            for digit, milliseconds in self._events.end():
                self.on_digit(digit, milliseconds)
        if now >= self._due:
            self._due = now + self._interval()
            self._report()
        agreed = self.agreed
        timeout = 0.0 if agreed is None else self.timeout_hold if agreed.held else self.timeout if agreed.hears else 0.0
        if not timeout:
            self.alive = now  # nothing is expected now: when it is again, the time begins then
        elif now - self.alive >= timeout and self.on_dead is not None:
            self.on_dead(timeout)

    def _report(self, *, bye: bool = False) -> None:
        if self.report_to is None:
            return
        sender = self.sender
        sent = (sender.timestamp(), sender.packets, sender.octets) if sender.packets != self._sent else None
        self._sent = sender.packets
        data = rtcp.report(sender.ssrc, self.room.cname, self.received, self.heard, self.room.time(), sent, bye=bye)
        (self.pair.rtcp or self.pair.rtp).send(data, self.report_to)

    def close(self) -> None:
        """Say goodbye, give the ports back."""
        if self.agreed is not None and (self.sender.packets or self.received is not None):
            self._report(bye=True)
        if self._seat is not None:
            self._seat.leave()
            self._seat = None
        self.on_sound = self.on_digit = self.on_dead = None
        self.pair.close()

    def show(self) -> dict[str, Any]:
        """Return figures for `sipline show`."""
        agreed, received, heard, sender = self.agreed, self.received, self.heard, self.sender
        shown: dict[str, Any] = {"port": self.port, "sent": sender.packets, "unsent": sender.unsent}
        if agreed is not None:
            shown["codec"] = agreed.codec.name
            shown["peer"] = "%s:%s" % (self.latch.destination or agreed.remote)
            shown["direction"] = {(True, True): "sendrecv", (True, False): "sendonly", (False, True): "recvonly"}.get(
                (agreed.sends, agreed.hears), "inactive"
            )
            shown["held"] = agreed.held
        if received is not None:
            shown |= {"received": received.packets, "lost": received.lost, "late": received.late}
            shown["jitter_ms"] = round(received.jitter * 1000 / received.rate, 1)
        if heard.reports:
            shown |= {"peer_lost": heard.lost, "peer_loss": round(heard.fraction, 3)}
            shown["peer_jitter_ms"] = round(heard.jitter * 1000 / sender.rate, 1)
        if heard.round_trip is not None:
            shown["round_trip_ms"] = round(heard.round_trip * 1000, 1)
        for name, count in (("strangers", self.latch.strangers), ("flood", self.flood), ("bad", self.bad), ("unknown", self.unknown)):
            if count:
                shown[name] = count
        return shown
