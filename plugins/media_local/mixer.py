"""A Mixer: several channels that hear each other, each all the others and nobody himself (mix-minus).

Rule: one beat for the whole conference. Who is silent costs a look into his jitter buffer; who hears the same (all who are silent) gets the
same packet, encoded once per codec. Sums are 32 bits wide, so that only what really is too loud is cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import player
from .codecs import FRAME, audioop
from .recorder import Recording
from .resample import Resampler, resampler
from .sound import Sound

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.core.channel import Channel
    from pipeline.pending import Pending

    from .codecs import Codec
    from .pacing import Seat as Turn
    from .room import Room

QUIET = 60
"""Root mean square of a frame that adds nothing: -54 dB. The noise of ten open microphones must not add up."""
FINEST = 16000
"""Hertz at which is mixed at most: wideband telephony."""
HEADROOM = 256
"""How many voices of full loudness fit the sum."""


class Member(Sound):
    """A seat in a conference. It has no seat on the wheel of its own: the mixer has."""

    __slots__ = ("_in", "_mixer", "_out", "silent")

    def __init__(self, room: Room, channel: Channel, mixer: Mixer) -> None:
        super().__init__(room, channel)
        self._mixer = mixer
        self._in: tuple[int, int, Resampler | None] = (0, 0, None)
        self._out: tuple[int, int, Resampler | None] = (0, 0, None)
        self.silent = True

    def ready(self) -> None:
        """Take part."""
        super().ready()
        self._mixer.come(self)

    def close(self) -> None:
        """Leave."""
        self._mixer.leave(self.channel)

    def end(self) -> None:
        """Give the ports back; the mixer says when."""
        super().close()

    def _sit(self) -> None:
        """The mixer beats for us."""

    def _listens(self) -> bool:
        return True

    def voice(self, rate: int) -> bytes | None:
        """Return the next frame of what the peer says, at `rate`; None: nothing that others should hear."""
        heard = self._listen()
        agreed = self.agreed
        if heard is None or agreed is None or agreed.held:
            return None
        frame, own = heard
        if audioop.rms(frame, 2) < QUIET:
            return None
        if own != rate:
            if self._in[:2] != (own, rate):
                self._in = (own, rate, resampler(own, rate))
            turn = self._in[2]
            frame = turn.feed(frame) if turn is not None else frame
            size = 2 * int(rate * FRAME)
            frame = frame[:size].ljust(size, b"\0")
        return frame

    def private(self) -> bytes | None:
        """Return what is played to this member alone, at its own rate."""
        return self._next()

    def say(self, frame: bytes, rate: int, encoded: dict[Codec, bytes] | None) -> None:
        """Send what the conference sounds like; `encoded` is shared by all who hear the same."""
        agreed = self.agreed
        if agreed is None or not agreed.sends or self._event is not None:
            return
        codec = agreed.codec
        own = self.private()
        if self._event is not None:
            return
        if own is None and rate == codec.rate and encoded is not None:
            payload = encoded.get(codec)
            if payload is None:
                payload = encoded[codec] = codec.encode(frame)
            self._pack(payload)
            return
        if rate != codec.rate:
            if self._out[:2] != (rate, codec.rate):
                self._out = (rate, codec.rate, resampler(rate, codec.rate))
            turn = self._out[2]
            frame = turn.feed(frame) if turn is not None else frame
        if own is not None:
            frame = audioop.add(frame[: len(own)].ljust(len(own), b"\0"), own, 2)
        self._pack(codec.encode(frame))

    @property
    def echoes(self) -> bool:
        """It wants to hear itself too."""
        return self._echo

    def _send_back(self, codec: Codec, payload: bytes, sequence: int, timestamp: int, marker: int) -> None:
        """What it says comes back with the mix."""


class Mixer:
    """A conference's sound."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.provider = room.provider
        self.rate = 8000
        self._members: dict[str, Member] = {}
        self._speaking: tuple[Member, ...] = ()
        self._playing: tuple[player.Playing, str | Path] | None = None
        self._seat: Turn | None = None
        self._recordings: list[Recording] = []

    def terminal(self, channel: Channel) -> Member:
        """Return the seat of a channel, made when it is asked for."""
        member = self._members.get(channel.id)
        if member is None:
            member = self._members[channel.id] = Member(self.room, channel, self)
        return member

    def come(self, member: Member) -> None:
        """Somebody has agreed on a codec, for the first time or anew."""
        rates = [each.agreed.codec.rate for each in self._members.values() if each.agreed is not None]
        self.rate = min(FINEST, max(rates)) if rates else 8000
        if self.rate not in (8000, FINEST):
            self.rate = FINEST
        if self._seat is None:
            self._seat = self.room.pace.join(self._beat)

    def leave(self, channel: Channel) -> None:
        """Free the seat of a channel."""
        member = self._members.pop(channel.id, None)
        if member is not None:
            member.end()
        if not self._members:
            self._rise()

    def play(self, source: str | Path, *, repeat: bool = False) -> Pending:
        """Play something that all hear."""
        if self._playing is not None:
            self._playing[0].end()
        playing = player.Playing(repeat=repeat)
        self._playing = (playing, source)
        player.load(self.room, playing, source, self.rate)
        return playing.done

    def record(self, path: Path) -> Recording:
        """Record what all say."""
        recording = Recording(path, FINEST if self.rate > 8000 else 8000, seconds=0, silence=0)
        if not recording.over:
            self._recordings.append(recording)
        return recording

    def close(self) -> None:
        """Free all seats."""
        for recording in self._recordings:
            recording.end()
        self._recordings.clear()
        if self._playing is not None:
            (playing, _), self._playing = self._playing, None
            playing.end()
        for member in tuple(self._members.values()):
            self.leave(member.channel)
        self._rise()

    def _played(self, playing: player.Playing) -> None:
        """It is over, and in its end nobody has begun something else."""
        if self._playing is not None and self._playing[0] is playing:
            self._playing = None

    def _rise(self) -> None:
        if self._seat is not None:
            self._seat.leave()
            self._seat = None

    # -- every 20 ms ---------------------------------------------------------------------------------------------------

    def _beat(self) -> None:
        rate = self.rate
        size = int(rate * FRAME)
        members = tuple(self._members.values())
        voices: dict[Member, bytes] = {}
        total = bytes(4 * size)
        for member in members:
            frame = member.voice(rate)
            if frame is not None:
                wide = _widen(frame)
                voices[member] = wide
                total = audioop.add(total, wide, 4)
        if self._playing is not None:
            playing = self._playing[0]
            frame = playing.frame(2 * size)
            if frame is not None:
                total = audioop.add(total, _widen(frame), 4)
            if playing.over:
                self._played(playing)
        all_of_it = _narrow(total)
        if self._recordings:
            self._recordings = [each for each in self._recordings if not each.over]
            for recording in self._recordings:
                recording.hear(all_of_it, rate)
        encoded: dict[Codec, bytes] = {}
        for member in members:
            own = voices.get(member)
            if own is None or member.echoes:
                member.say(all_of_it, rate, encoded)
            else:
                member.say(_narrow(audioop.add(total, audioop.mul(own, 4, -1), 4)), rate, None)


def _widen(frame: bytes) -> bytes:
    """16 bits to 32, with room above."""
    return audioop.mul(audioop.lin2lin(frame, 2, 4), 4, 1 / HEADROOM)


def _narrow(wide: bytes) -> bytes:
    """32 bits to 16; what is too loud is cut."""
    return audioop.lin2lin(audioop.mul(wide, 4, HEADROOM), 4, 2)
