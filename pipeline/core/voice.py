"""What steps that play, listen and record have in common: answer first, play to the end or to a digit, say what could not be played.

Rule: a sound that cannot be played is told (event `channel.sound`, ${playbackstatus} FAILED) and does not end the call.
"""

from __future__ import annotations

import wave
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipeline.core.channel import State
from pipeline.pending import Pending

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pipeline.core.channel import Channel
    from pipeline.core.media import Sound

__all__ = ["BEEP", "INFORMATION", "answered", "play", "quiet", "record", "seconds_of", "start", "upon_digit"]

BEEP = "tone:1000*200/0"
"""What says that it is being recorded: it must not depend on a file."""
INFORMATION = "tone:950*330/30,1400*330/30,1800*330/1000"
"""The special information tone (ITU-T E.180 5): what was asked for cannot be done."""


async def answered(channel: Channel) -> Sound:
    """Answer unless it is answered, and return where to play to."""
    sound = channel.sound()
    if channel.state is not State.UP:
        await channel.answer()
    return sound


def start(channel: Channel, sound: Sound, source: str | Path, *, repeat: bool = False) -> Pending | None:
    """Begin to play; None when it cannot be."""
    try:
        return sound.play(source, repeat=repeat)
    except (OSError, ValueError) as error:
        _failed(channel, source, error)
        return None


def quiet(channel: Channel, sound: Sound) -> None:
    """Stop playing, if it is still there."""
    if channel.media is sound:
        sound.quiet()


async def play(channel: Channel, sound: Sound, sources: Iterable[str | Path], *, stop: str = "") -> str:
    """Play one after the other; return the digit of `stop` that ended it, "" when it was played to its end."""
    ended = ""
    with upon_digit(channel, stop) as heard:
        for source in sources:
            if heard:
                break
            playing = start(channel, sound, source)
            if playing is None:
                continue
            heard.ends(sound)
            try:
                await playing
            except (OSError, ValueError) as error:
                _failed(channel, source, error)
            else:
                channel.variables["playbackstatus"] = "SUCCESS"
        if heard:
            ended = heard.digit
    return ended


async def record(channel: Channel, sound: Sound, path: Path, *, seconds: float, silence: float = 0.0, stop: str = "#") -> str:
    """Record to a WAV file until a digit of `stop`, so many `seconds` (0: no limit) or so much `silence`; return the digit that ended it.

    The file is closed however it ends, the caller's hanging up included.
    """
    done = Pending()

    def resolve(_: object = None) -> None:
        if not done.done:
            done.resolve()

    with upon_digit(channel, stop) as heard:
        heard.then = resolve
        recording = sound.record(path, seconds=seconds, silence=silence)
        recording.then(resolve)
        try:
            await done
        finally:
            if not recording.done and channel.media is sound:
                sound.end_recording()
    if heard:
        await channel.digit(0)
    if channel.state is not State.ENDED and recording.done:
        recording.value()  # what could not be written is an error
    return heard.digit


def seconds_of(path: Path) -> float:
    """Return how long a WAV file is; 0 when it is none."""
    try:
        with wave.open(str(path)) as file:
            return float(file.getnframes() / (file.getframerate() or 1))
    except (OSError, EOFError, wave.Error):
        return 0.0


class Heard:
    """A digit that is waited for while something else goes on."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self.digit = ""
        self._sound: Sound | None = None
        self.then: Any = None

    def __bool__(self) -> bool:
        return bool(self.digit)

    def ends(self, sound: Sound) -> None:
        """Let the digit end what is played."""
        self._sound = sound
        if self.digit:
            sound.quiet()

    def __call__(self, what: str, channel: Channel, value: Any) -> None:
        if what != "digit" or self.digit or value not in self.wanted:
            return
        self.digit = value
        if self._sound is not None:
            self._sound.quiet()
        if self.then is not None:
            self.then()


@contextmanager
def upon_digit(channel: Channel, wanted: str) -> Iterator[Heard]:
    """Listen for one of these digits as long as the `with` lasts. It stays the next that `Channel.digit` gives."""
    heard = Heard(wanted)
    if not wanted:
        yield heard
        return
    stop = channel.on(heard)
    try:
        yield heard
    finally:
        stop()


def _failed(channel: Channel, source: str | Path, error: Exception) -> None:
    channel.variables["playbackstatus"] = "FAILED"
    channel.core.tell("channel.sound", channel=channel, source=str(source), error=str(error) or repr(error))
