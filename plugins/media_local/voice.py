"""A Voice: what is put into an outgoing stream besides what is forwarded: sounds and digits. Common to Sound and the sides of a Relay.

Rule: paced by the wheel, and on the wheel only while there is something to put in.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from . import player, tones
from .codecs import FRAME
from .dtmf import KEYS, PAUSE, SHORTEST, sending
from .terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.core.channel import Channel
    from pipeline.pending import Pending

    from .codecs import Codec
    from .pacing import Seat
    from .room import Room

DIALLED = 64
"""Digits that may wait to be sent."""


class Voice(Terminal):
    """What can be put into an outgoing stream besides what is forwarded: something that is played, digits. Paced by the wheel."""

    __slots__ = ("_digits", "_event", "_packed", "_pause", "_playing", "_seat", "_started")

    def __init__(self, room: Room, channel: Channel) -> None:
        super().__init__(room, channel)
        self._playing: tuple[player.Playing, str | Path] | None = None
        self._started: int = 0  # the rate for which it was loaded; 0: not yet
        self._digits: deque[tuple[str, int]] = deque()
        self._event: tuple[Iterator[tuple[bytes, bool]], int, int] | player.Playing | None = None
        self._pause = 0
        self._packed = b""
        self._seat: Seat | None = None

    @property
    def speaks(self) -> bool:
        """Something is put into the stream; what would be forwarded waits outside."""
        return self._playing is not None or self.dials

    @property
    def dials(self) -> bool:
        """A digit is being sent."""
        return self._event is not None or bool(self._digits) or self._pause > 0

    def play(self, source: str | Path, *, repeat: bool = False) -> Pending:
        """Play; before anything was agreed, as soon as it is."""
        self.quiet()
        playing = player.Playing(repeat=repeat)
        self._playing, self._started = (playing, source), 0
        self._load()
        self._sit()
        return playing.done

    def _load(self) -> None:
        agreed = self.agreed
        if self._playing is None or agreed is None or self._started == agreed.codec.rate:
            return
        playing, source = self._playing
        rate = agreed.codec.rate
        if self._started:
            playing.at_rate(self._started, rate)
        self._started = rate
        player.load(self.room, playing, source, rate)
        if playing.over:
            self._played(playing)

    def quiet(self) -> None:
        """Play no more."""
        if self._playing is not None:
            (playing, _), self._playing = self._playing, None
            playing.end()

    def send_digit(self, digit: str, milliseconds: int) -> None:
        """Send a digit after those that wait; what is no digit is not sent, nor what this peer cannot take."""
        digit = digit.upper()
        if digit in KEYS and len(digit) == 1 and len(self._digits) < DIALLED and self._can_dial():
            self._digits.append((digit, milliseconds))
            self._sit()

    def _can_dial(self) -> bool:
        """Tell whether digits go to the peer with its media; before anything was agreed, whether they may."""
        agreed = self.agreed
        return self.digits != "none" if agreed is None else agreed.event is not None or self.dials_tones

    def ready(self) -> None:
        """Begin what waited for an agreement."""
        if self._digits and not self._can_dial():
            self._digits.clear()
        self._load()
        self._sit()

    def close(self) -> None:
        """End everything."""
        self.quiet()
        self._digits.clear()
        self._rise()
        super().close()

    # -- on the wheel --------------------------------------------------------------------------------------------------

    def _wanted(self) -> bool:
        """Tell whether there is anything to do every 20 ms."""
        return self.speaks

    def _sit(self) -> None:
        if self._seat is None and not self.closed and self.agreed is not None and self._wanted():
            self._seat = self.room.pace.join(self._beat)

    def _rise(self) -> None:
        if self._seat is not None:
            self._seat.leave()
            self._seat = None

    def _beat(self) -> None:
        """Do what is due every 20 ms."""
        frame = self._next()
        if frame is not None:
            self._say(frame)
        if not self._wanted():
            self._flush()
            self._rise()

    def _next(self) -> bytes | None:
        """Return the next frame of what is played, at the rate of our codec; digits go out by themselves."""
        stream = self.stream
        agreed = stream.agreed if stream is not None else None
        if stream is None or agreed is None:
            return None
        codec = agreed.codec
        if self.dials and (tone := self._dial(codec)) is not None:
            return tone
        if self._playing is None or self.dials:
            return None
        playing = self._playing[0]
        frame = playing.frame(2 * codec.frame)
        if playing.over:
            self._played(playing)
        return frame

    def _played(self, playing: player.Playing) -> None:
        """It is over, and in its end nobody has begun something else."""
        if self._playing is not None and self._playing[0] is playing:
            self._playing = None

    def _dial(self, codec: Codec) -> bytes | None:
        """Send the next packet of a digit, or return the next frame of its tone."""
        stream = self.stream
        agreed = self.agreed
        if stream is None or agreed is None:
            return None
        if self._pause:
            self._pause -= 1
            return None
        if self._event is None:
            digit, milliseconds = self._digits.popleft()
            if agreed.event is None:
                tone = player.Playing(repeat=False)
                tone.load(tones.digit(digit, max(milliseconds, SHORTEST), codec.rate))
                self._event = tone
            else:
                events = sending(digit, milliseconds, codec.rate, codec.frame)
                self._event = (events, agreed.event, stream.sender.timestamp())
        event = self._event
        if isinstance(event, player.Playing):
            frame = event.frame(2 * codec.frame)
            if frame is None:
                self._event, self._pause = None, int(PAUSE / FRAME)
            return frame
        packets, kind, timestamp = event
        packet = next(packets, None)
        if packet is None:
            self._event, self._pause = None, max(0, int(PAUSE / FRAME) - 2)  # two repeated ends are 40 ms of it
        else:
            stream.sender.event(kind, timestamp, packet[0], marker=packet[1])
        return None

    def _say(self, frame: bytes) -> None:
        """Send a frame of samples."""
        agreed = self.agreed
        if agreed is not None:
            self._pack(agreed.codec.encode(frame))

    def _pack(self, payload: bytes) -> None:
        """Send a frame's payload in packets of the length agreed."""
        stream = self.stream
        agreed = self.agreed
        if stream is None or agreed is None:
            return
        codec = agreed.codec
        if agreed.ptime == FRAME and not self._packed and len(payload) == codec.frame * codec.width:
            stream.sender.paced(payload, codec.frame)
            return
        packed = self._packed + payload
        samples = int(codec.rate * agreed.ptime)
        size = samples * codec.width
        while len(packed) >= size:
            stream.sender.paced(packed[:size], samples)
            packed = packed[size:]
        self._packed = packed

    def _flush(self) -> None:
        """Send what is left of the last packet."""
        if self._packed and self.stream is not None and self.agreed is not None:
            packed, self._packed = self._packed, b""
            self.stream.sender.paced(packed, len(packed) // self.agreed.codec.width)
