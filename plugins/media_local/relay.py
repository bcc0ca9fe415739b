"""A Relay: two channels whose media go through us; packets pass as they are where both speak one codec, else they are put into the other.

Rule: nothing is buffered. A packet leaves in the turn in which it came, as far from its neighbours as it came. Digits do not pass as
packets: they are told to the channel, and the core sends them on the way the other side takes them (RTP, INFO, tones).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.media import Refused
from pipeline.pending import Pending, gather, settle

from .inband import RATE as EAR_RATE
from .inband import Ear
from .resample import Resampler, resampler
from .tape import Tape
from .terminal import codecs_offered
from .voice import Voice

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.core.channel import Channel

    from .codecs import Codec
    from .room import Room
    from .stream import Stream


class Side(Voice):
    """The side of a relay that faces one channel. What it forwards from the other side goes out here."""

    __slots__ = ("_ear", "_ear_turn", "_music", "_rate_in", "_sequence", "_timestamp", "_turn", "number", "other", "tapes")

    def __init__(self, room: Room, channel: Channel) -> None:
        super().__init__(room, channel)
        self.other: Side | None = None
        self.number = 0
        self.tapes: tuple[Tape, ...] = ()
        """What both sides are recorded to."""
        self._ear: Ear | None = None
        self._ear_turn: Resampler | None = None
        self._music = False
        self._rate_in = 0
        self._turn: Resampler | None = None
        self._sequence = self._timestamp = -1

    def codecs(self) -> tuple[Codec, ...]:
        """Return what may be spoken here; what the other side speaks comes first, so that nothing need be put into anything else."""
        mine, common = super().codecs(), self._common()
        return (*common, *(codec for codec in mine if codec not in common))

    def answering(self) -> tuple[tuple[Codec, ...], ...]:
        """An answer has nothing but what the other side has agreed to, if there is any of it in the offer."""
        common = self._common() if self.other is not None and self.other.agreed is not None else ()
        return (common, self.codecs()) if common else (self.codecs(),)

    def _common(self) -> tuple[Codec, ...]:
        other = self.other
        if other is None:
            return ()
        mine = super().codecs()
        spoken = tuple(other.agreed.back) if other.agreed is not None else codecs_offered(other.channel.leg.offered)
        return tuple(codec for codec in spoken if codec in mine)

    def ready(self) -> None:
        """Listen for tones when the peer sends its digits so and the other side takes them in another way; play to who waits."""
        other = self.other
        self.route()
        self._ear = None
        for side in (self, other):
            if side is not None and side.other is not None:
                side._listen_for_tones()
        super().ready()
        if other is not None and (agreed := self.agreed) is not None:
            other._music_for(on=agreed.held)

    def route(self) -> None:
        """Give the stream the shortest way for its sound."""
        if self.stream is not None:
            self.stream.on_sound = self._pass_and_keep if self.tapes else self._pass

    def _listen_for_tones(self) -> None:
        mine, other = self.agreed, self.other
        elsewise = other is not None and (other.digits == "info" or (other.agreed is not None and other.agreed.event is not None))
        if mine is not None and elsewise and self.hears_tones:
            self._ear = self._ear or Ear()
            self._ear_turn = resampler(mine.codec.rate, EAR_RATE)
        else:
            self._ear = None

    def _music_for(self, *, on: bool) -> None:
        """Play to our peer while the other one has put it on hold."""
        if not self.room.hold_music or on == self._music:
            return
        self._music = on
        if on:
            self.play(self.room.hold_music, repeat=True).then(self._music_over)
        else:
            self.quiet()

    def _music_over(self, done: Pending) -> None:
        try:
            done.value()
        except OSError as error:
            self.room.failed(error)

    # -- what comes from our peer and goes to the other ----------------------------------------------------------------

    def _pass(self, codec: Codec, payload: bytes, sequence: int, timestamp: int, marker: int) -> None:
        if self._ear is not None:
            self._hear_tones(codec, payload)
        other = self.other
        if other is None or other._playing is not None or other._event is not None:
            return
        to, mine = other.stream, self.stream
        if to is None or mine is None or (agreed := to.agreed) is None:
            return
        as_is = agreed.back.get(codec)
        if as_is is not None:
            to.sender.forward(mine.received, sequence, timestamp, payload, marker, as_is)
        elif codec.rate == agreed.codec.rate:
            payload = agreed.codec.encode(codec.decode(payload))
            to.sender.forward(mine.received, sequence, timestamp, payload, marker, agreed.back[agreed.codec])
        else:
            self._convert(codec, payload, sequence, timestamp, to, agreed.codec, other)

    def _pass_and_keep(self, codec: Codec, payload: bytes, sequence: int, timestamp: int, marker: int) -> None:
        for tape in self.tapes:
            tape.hear(self.number, codec, payload, sequence, timestamp)
        self._pass(codec, payload, sequence, timestamp, marker)

    def _convert(self, codec: Codec, payload: bytes, sequence: int, timestamp: int, to: Stream, wanted: Codec, other: Side) -> None:
        """Send at another rate: in order, in packets of ours, with the gaps that the source has."""
        step = (sequence - self._sequence) & 0xFFFF
        if self._turn is None or self._rate_in != codec.rate or self._sequence < 0:
            self._turn, self._rate_in, step = Resampler(codec.rate, wanted.rate), codec.rate, 1
        elif step == 0 or step > 0x8000:
            return  # twice, or too late: its place is taken
        samples = codec.decode(payload)
        size = len(samples) // 2
        if 1 < step < 100:
            missing = (timestamp - self._timestamp) & 0xFFFFFFFF
            to.sender.skip(step - 1, missing * wanted.rate // codec.rate if missing < 10 * codec.rate else 0)
        self._sequence, self._timestamp = sequence, (timestamp + size) & 0xFFFFFFFF
        made = self._turn.feed(samples)
        if made:
            other._pack(wanted.encode(made))

    def _hear_tones(self, codec: Codec, payload: bytes) -> None:
        samples = codec.decode(payload)
        if self._ear_turn is not None:
            samples = self._ear_turn.feed(samples)
        if self._ear is not None:
            for digit, milliseconds in self._ear.listen(samples):
                self.channel.told_digit(digit, milliseconds)


class Relay:
    """Two sides."""

    def __init__(self, room: Room, channels: tuple[Channel, ...]) -> None:
        self.provider = room.provider
        first, second = (Side(room, channel) for channel in channels)
        first.other, second.other, second.number = second, first, 1
        self._sides = (first, second)

    def terminal(self, channel: Channel) -> Side:
        """Return the side that faces `channel`; raises LookupError when none does."""
        for side in self._sides:
            if side.channel is channel:
                return side
        raise LookupError(f"{channel} is not in this relay")

    def join(self) -> Pending:
        """Offer both their side, and be done when both have agreed."""
        done = gather([self._offer(side) for side in self._sides])
        return done if isinstance(done, Pending) else Pending.of(done)

    def _offer(self, side: Side) -> Pending:
        def answered(answer: bytes) -> Side:
            side.accept(answer)
            return side

        try:
            asked = side.channel.leg.change_media(side.offer())
        except Exception as error:
            return Pending.failed(error)
        asked.then(lambda pending: _refused(side, pending))
        result: Pending | Side = settle(asked, answered)
        return result if isinstance(result, Pending) else Pending.of(result)

    def record(self, path: Path) -> Tape:
        """Record both sides."""
        rates = [side.agreed.codec.rate for side in self._sides if side.agreed is not None]
        tape = Tape(self._sides[0].room, path, rates, self._taped)
        self._tapes((*self._sides[0].tapes, tape))
        return tape

    def _taped(self, tape: Tape) -> None:
        self._tapes(tuple(each for each in self._sides[0].tapes if each is not tape))

    def _tapes(self, tapes: tuple[Tape, ...]) -> None:
        for side in self._sides:
            side.tapes = tapes
            side.route()

    def close(self) -> None:
        """Give all ports back."""
        for tape in self._sides[0].tapes:
            tape.end()
        for side in self._sides:
            if not side.closed:
                side.close()


def _refused(side: Side, pending: Pending) -> None:
    try:
        pending.value()
    except Refused as error:
        side.reject(error.hangup)
    except Exception:  # whoever waits for `join` is told
        return
