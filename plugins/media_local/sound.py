"""A Sound: the terminal that ends in the house. Plays, records, echoes, sends digits and hears them.

Rule: who only echoes is never on the wheel: each packet goes back as it came, its payload untouched, in the turn in which it came. A seat
on the wheel is taken while something is played, recorded, dialled, or listened to for tones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .codecs import FRAME
from .inband import RATE as EAR_RATE
from .inband import Ear
from .jitter import Playout
from .recorder import Recording
from .resample import Resampler, resampler
from .voice import Voice

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.core.channel import Channel
    from pipeline.pending import Pending

    from .codecs import Codec
    from .room import Room


class Sound(Voice):
    """The terminal that applications play to and listen to."""

    __slots__ = ("_ear", "_ear_rate", "_echo", "_playouts", "_recording", "_spoken")

    def __init__(self, room: Room, channel: Channel) -> None:
        super().__init__(room, channel)
        self._echo = False
        self._recording: Recording | None = None
        self._ear: Ear | None = None
        self._ear_rate: tuple[int, Resampler | None] = (EAR_RATE, None)
        self._playouts: dict[Codec, Playout] = {}
        self._spoken: Codec | None = None

    def record(self, path: Path, *, seconds: float = 0, silence: float = 0) -> Pending:
        """Record what the peer says."""
        self.end_recording()
        agreed = self.agreed
        recording = Recording(path, agreed.codec.rate if agreed is not None else EAR_RATE, seconds=seconds, silence=silence)
        if not recording.over:
            self._recording = recording
            self._route()
        return recording.done

    def end_recording(self) -> None:
        """Close the file."""
        if self._recording is not None:
            recording, self._recording = self._recording, None
            recording.end()
            self._route()

    def echo(self, on: bool) -> None:
        """Send back what comes, or cease to."""
        self._echo = on
        self._route()

    def ready(self) -> None:
        """Listen for tones when the peer sends its digits so; begin what waited."""
        self._ear = (self._ear or Ear()) if self.hears_tones else None
        self._route()
        super().ready()

    def close(self) -> None:
        """End everything."""
        self.end_recording()
        super().close()

    def show(self) -> dict[str, Any]:
        """Return what is agreed, counted and done."""
        doing = [
            word
            for word, on in (("plays", self._playing is not None), ("records", self._recording is not None), ("echoes", self._echo))
            if on
        ]
        playout = self._playouts.get(self._spoken) if self._spoken is not None else None
        buffer = {"buffer_ms": int(playout.target * FRAME * 1000), "too_late": playout.late} if playout is not None else {}
        return super().show() | buffer | ({"does": ", ".join(doing)} if doing else {})

    # -- what comes ----------------------------------------------------------------------------------------------------

    def _wanted(self) -> bool:
        return self.speaks or self._listens()

    def _listens(self) -> bool:
        return self._recording is not None or self._ear is not None

    def _route(self) -> None:
        """Give the stream the shortest way for its sound."""
        stream = self.stream
        if stream is None:
            return
        if self._listens():
            stream.on_sound = self._hear_and_echo if self._echo else self._hear
        else:
            stream.on_sound = self._send_back if self._echo else None
            self._playouts.clear()
            self._spoken = None
        self._sit()

    def _send_back(self, codec: Codec, payload: bytes, sequence: int, timestamp: int, marker: int) -> None:
        """Echo a packet."""
        stream = self.stream
        if stream is None or self._playing is not None or self._event is not None:
            return
        agreed = stream.agreed
        if agreed is not None and (back := agreed.back.get(codec)) is not None:
            stream.sender.forward(stream.received, sequence, timestamp, payload, marker, back)

    def _hear(self, codec: Codec, payload: bytes, sequence: int, timestamp: int, _marker: int) -> None:
        playout = self._playouts.get(codec)
        if playout is None:
            playout = self._playouts[codec] = Playout(codec)
        self._spoken = codec
        playout.put(sequence, timestamp, payload)

    def _hear_and_echo(self, codec: Codec, payload: bytes, sequence: int, timestamp: int, marker: int) -> None:
        self._send_back(codec, payload, sequence, timestamp, marker)
        self._hear(codec, payload, sequence, timestamp, marker)

    def _beat(self) -> None:
        if self._listens():
            self._listen()
        super()._beat()

    def _listen(self) -> tuple[bytes, int] | None:
        """Take the next frame of what the peer says, and give it to whoever wants it. None: it says nothing."""
        codec = self._spoken
        if codec is None:
            if self._recording is not None:
                self._record(None, self.agreed.codec.rate if self.agreed is not None else EAR_RATE)
            return None
        frame = self._playouts[codec].frame()
        if self._recording is not None:
            self._record(frame, codec.rate)
        if self._ear is not None:
            for digit, milliseconds in self._ear.listen(self._for_ear(frame or bytes(2 * codec.frame), codec.rate)):
                self.channel.told_digit(digit, milliseconds)
        return None if frame is None else (frame, codec.rate)

    def _record(self, frame: bytes | None, rate: int) -> None:
        recording = self._recording
        if recording is not None:
            recording.hear(frame, rate)
            if recording.over and self._recording is recording:
                self._recording = None
                self._route()

    def _for_ear(self, frame: bytes, rate: int) -> bytes:
        if self._ear_rate[0] != rate:
            self._ear_rate = (rate, resampler(rate, EAR_RATE))
        turn = self._ear_rate[1]
        return turn.feed(frame) if turn is not None else frame
