"""Recording a conversation: both sides of what is said on a channel, into one file, from any moment of the call to any other.

Rule: it belongs to a channel and follows it from bridge to bridge; each relay or mixer that it is in writes a file of its own, the first
under the name that was wanted, the next ones with a number. Media that flow between the phones are brought here for it, by new offers to
both. What cannot be recorded is told (`recording.failed`): the conversation goes on.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from typing import TYPE_CHECKING, Any

from pipeline.core.media import Refused, Unacceptable, Unavailable
from pipeline.core.wanted import Ended
from pipeline.pending import Pending

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.core.bridge import Bridge
    from pipeline.core.channel import Channel
    from pipeline.core.core import Core
    from pipeline.core.media import Tape

UNSAFE = re.compile(r"[^A-Za-z0-9_.@+=-]")
SPACE = 10.0
"""Seconds between two looks at how much room is left, for each recording: a hundred of them write 32 MB meanwhile."""
LONGEST = 120
"""Characters of a file's name: with a channel's id and a number it stays below the 255 that file systems take."""


class Monitor:
    """The recording of a channel."""

    __slots__ = ("_core", "_look", "_source", "_tape", "_written", "channel", "over", "path")

    def __init__(self, channel: Channel, path: Path) -> None:
        self.channel = channel
        self.path = path
        """Where it is written to; a provider that keeps recordings itself has it as a note."""
        self.over = False
        self._core: Core = channel.core
        self._look: Any = None
        self._source: Any = None
        self._tape: Tape | None = None
        self._written = 0

    @property
    def writes(self) -> bool:
        """Whether something is being written now."""
        return self._tape is not None

    def follow(self, bridge: Bridge) -> Pending | None:
        """Record what the channel's bridge carries. A Pending: the media have to be brought here first."""
        source: Any = bridge.relay or bridge.mixer
        if source is None or source is self._source or self.over:
            return None
        if getattr(source, "record", None) is None:
            return bridge.rejoin()
        self.leave()
        self._source = source
        path = self._next()
        try:
            _room(self._core)
            tape: Tape = source.record(path)
        except (OSError, Unavailable) as error:
            self.fail(error)
            return None
        self._tape = tape
        self._look = self._core.clock.call_later(SPACE, self._spared)
        self._core.tell("recording.begun", channel=self.channel, path=str(path))
        tape.done.then(lambda done: self._done(path, done))
        return None

    def _spared(self) -> None:
        """End when the disk is nearly full: stores, registrations with them, need what is left."""
        try:
            _room(self._core)
        except OSError as error:
            self.fail(error)
        else:
            self._look = self._core.clock.call_later(SPACE, self._spared)

    def _next(self) -> Path:
        """Return the file for what comes now; nobody's recording is written over, whatever its name is."""
        self._written += 1
        path = self.path
        while self._written > 1 and (path == self.path or path.exists()):
            path = self.path.with_name(f"{self.path.stem}-{self._written}{self.path.suffix}")
            self._written += path.exists()
        return path

    def _done(self, path: Path, done: Pending) -> None:
        try:
            seconds = done.value()
        except (OSError, Unavailable, Unacceptable) as error:
            self.fail(error)
        else:
            self._core.tell("recording.ended", channel=self.channel, path=str(path), seconds=seconds)

    def looked(self, pending: Pending) -> None:
        """Learn whether the media could be brought here."""
        try:
            pending.value()
        except (Ended, Refused, Unacceptable, Unavailable) as error:
            self.fail(error)

    def leave(self) -> None:
        """The channel has left its bridge: that file is complete."""
        self._source = None
        if self._look is not None:
            self._look.cancel()
            self._look = None
        tape, self._tape = self._tape, None
        if tape is not None:
            tape.end()

    def end(self) -> None:
        """Record no more."""
        self.over = True
        if self.channel.monitor is self:
            self.channel.monitor = None
        self.leave()

    def fail(self, error: BaseException) -> None:
        """It cannot go on; the call does."""
        if not self.over:
            self._core.tell("recording.failed", channel=self.channel, path=str(self.path), error=str(error))
            self.end()


def record(core: Core, channel: Channel, name: str) -> Pending:
    """Begin to record a channel; see `Core.record`."""
    if channel.monitor is not None:
        raise ValueError(f"{channel.name} is being recorded already")
    if channel.hangup is not None:
        raise Ended(channel.hangup)
    monitor = channel.monitor = Monitor(channel, place(core, channel, name))
    result = Pending()

    def begun(pending: Pending) -> None:
        try:
            pending.value()
        except (Ended, Refused, Unacceptable, Unavailable) as error:
            monitor.fail(error)
            result.fail(error)
        else:
            if monitor.over:
                result.fail(Unavailable("the media of this call cannot be recorded"))
            else:
                result.resolve(monitor)

    bridge = channel.bridge
    follows = monitor.follow(bridge) if bridge is not None else None
    if monitor.over:
        return Pending.failed(Unavailable("the media of this call cannot be recorded"))
    if follows is None:
        return Pending.of(monitor)
    follows.then(begun)
    return result


def place(core: Core, channel: Channel, name: str) -> Path:
    """Return the file for a recording: one part of a path, that leads nowhere else and is nobody's yet. Raises OSError, ValueError."""
    safe = UNSAFE.sub("_", name).lstrip(".")[:LONGEST]
    if not safe:
        raise ValueError("the name of a recording is empty")
    folder = core.recordings
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # what people said is nobody else's
    _room(core)
    path = folder / f"{safe}.wav"
    taken = {each.monitor.path for each in core.channels.values() if each.monitor is not None}
    return path.with_name(f"{safe}-{channel.id}.wav") if path in taken or path.exists() else path


def _room(core: Core) -> None:
    """Raise OSError when the disk has less room than is to be left."""
    if core.recording_space and shutil.disk_usage(core.recordings).free < core.recording_space * 1_000_000:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(core.recordings))
