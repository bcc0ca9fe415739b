"""What is played: a file, a tone or silence, cut into frames. Files are looked for by name in the folders of sounds.

Rule: a sound is samples in memory at the rate at which it is sent; who reads the file is a thread, and until it has, nothing is heard.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.pending import Pending

from . import tones

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .room import Room

SILENCE = "silence"
OURS = Path(__file__).with_name("sounds")


class Playing:
    """Something that is being played, or is about to."""

    __slots__ = ("_place", "_repeat", "_samples", "done", "over")

    def __init__(self, *, repeat: bool) -> None:
        self.done = Pending()
        """Resolved when it has been played or was ended; fails with OSError when it cannot be."""
        self.over = False
        self._samples: bytes | None = None
        self._repeat = repeat
        self._place = 0

    def load(self, samples: bytes, *, endless: bool = False) -> None:
        """Have the samples: it begins."""
        if self.over:
            return
        self._samples = samples
        self._repeat = self._repeat or endless
        if not samples:
            self.end()

    def at_rate(self, old: int, new: int) -> None:
        """Go on from the same place at another rate, once the samples for it have come."""
        self._place = self._place // 2 * new // old * 2
        self._samples = None

    def fail(self, error: Exception) -> None:
        """It cannot be played."""
        if not self.over:
            self.over = True
            self.done.fail(error)

    def end(self) -> None:
        """Play no more."""
        if not self.over:
            self.over = True
            self.done.resolve(None)

    def frame(self, size: int) -> bytes | None:
        """Return the next `size` bytes of samples; None before there are any and after the last."""
        samples = self._samples
        if samples is None or self.over:
            return None
        place = self._place
        frame = samples[place : place + size]
        self._place = place + size
        if len(frame) == size:
            return frame
        if not self._repeat:
            if not frame:
                self.end()
                return None
            return frame.ljust(size, b"\0")
        while len(frame) < size:
            rest = size - len(frame)
            frame += samples[:rest]
            self._place = min(rest, len(samples))
        return frame


def find(name: str | Path, folders: Sequence[Path], home: Path | None = None) -> Path:
    """Return the file of a sound: a path from the root or from `home` (pipeline.toml's folder), or a name in one of the folders or ours.

    With or without ".wav". Raises OSError.
    """
    try:
        path = Path(name).expanduser()
    except RuntimeError as error:  # "~nobody"
        raise FileNotFoundError(2, str(error), str(name)) from None
    if path.is_absolute():
        places = [path]
    else:
        if ".." in path.parts:
            raise FileNotFoundError(2, "a sound's name must not lead out of its folder", str(name))
        places = [folder / path for folder in (*folders, OURS, *(() if home is None else (home,)))]
    for place in places:
        for candidate in (place, place.with_name(place.name + ".wav")):
            if candidate.is_file():
                return candidate
    raise FileNotFoundError(2, "no such sound", str(name))


def load(room: Room, playing: Playing, source: str | Path, rate: int) -> None:
    """Fetch the samples of a source at `rate`. It never raises: what is wrong with it is found in `playing.done`."""
    try:
        if source == SILENCE:
            playing.load(bytes(2 * rate), endless=True)
        elif isinstance(source, str) and source.startswith(tones.PREFIX):
            samples, endless = tones.samples(source, rate)
            playing.load(samples, endless=endless)
        else:
            _file(room, playing, find(source, room.sounds, room.home), rate)
    except OSError as error:
        playing.fail(error)
    except ValueError as error:
        playing.fail(OSError(22, str(error)))


def _file(room: Room, playing: Playing, path: Path, rate: int) -> None:
    samples = room.shelf.at_hand(path, rate)
    if samples is not None:
        playing.load(samples)
        return
    waiting = room.reading.setdefault((path, rate), [])
    waiting.append(playing)
    if len(waiting) > 1:
        return  # it is being read already

    def loaded(samples: bytes | None, error: Exception | None) -> None:
        for each in room.reading.pop((path, rate)):
            if error is not None:
                each.fail(error if isinstance(error, OSError) else OSError(5, f"{path}: {error}"))
            elif samples is not None:
                each.load(samples)

    room.in_thread(lambda: room.shelf.read(path, rate), loaded)
