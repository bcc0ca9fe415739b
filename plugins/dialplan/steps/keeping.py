"""`record` and `mailbox`: what the caller says, kept under the state directory.

    recordings/NAME.wav
    mailboxes/NAME/new/…      a message (pipeline/mailboxes, which `voicemail` and the lamps of `mwi` share)

Rule: nothing that a caller does fills the disk: a recording has an end, a mailbox holds so many messages, and below so much free space
nothing is recorded: event `dialplan.full`, the caller hears the information tone, and the steps behind follow with ${recording} or
${message} empty. Two who record under one name at once get a file each. A message shorter than `minimum` is none.
"""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.core.voice import BEEP, INFORMATION, answered, play, record, seconds_of
from pipeline.dal import Mailbox
from pipeline.mailboxes import Full, mailbox_named
from pipeline.pending import finished

from ..patterns import Mistake  # noqa: TID252
from ..sounds import sound_of  # noqa: TID252

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.core import Channel, Sound

    from ..dialplan import Dialplan  # noqa: TID252

__all__ = ["Keeping"]

_UNSAFE = re.compile(r"[^A-Za-z0-9_.@+=-]")


class Keeping:
    """Steps that keep what is said."""

    def __init__(self, dialplan: Dialplan) -> None:
        self._dialplan = dialplan

    async def record(
        self,
        channel: Channel,
        argument: str = "${channel.name}",
        *,
        seconds: float = 0.0,
        silence: float = 0.0,
        stop: str = "#",
        beep: bool = True,
    ) -> None:
        """Record to a WAV file, until a digit of `stop`, so much `silence` or so many `seconds` (0: the plugin's `recording_seconds`).

        ${recording} is its path: recordings/NAME.wav, or NAME-CHANNEL.wav while somebody else records under that name.
        """
        sound = await answered(channel)
        path = self._dialplan.recordings_folder / (_name(argument) + ".wav")
        _make(path.parent)
        if not self._room(path.parent):
            await self._full(channel, sound, "recording", path, "space")
            return
        if path in self._dialplan.recorded:
            path = path.with_name(f"{path.stem}-{_name(channel.id)}.wav")
        with self._taken(path):
            if beep:
                await play(channel, sound, [BEEP])
            channel.set("recording", str(path))
            await record(channel, sound, path, seconds=self._seconds(seconds), silence=silence, stop=stop)

    async def mailbox(
        self,
        channel: Channel,
        argument: str = "${extension}",
        *,
        greeting: str | list[str] = "",
        seconds: float = 0.0,
        silence: float = 5.0,
        minimum: float = 1.0,
        stop: str = "#",
    ) -> None:
        """Play the greeting, a beep, and take a message for a mailbox. ${message} is its path; event `mailbox.message`.

        `seconds`: 0 for the mailbox's `max_seconds`. One that holds `max_messages` takes no more: event `dialplan.full`. The step
        `voicemail` (of the plugin of that name) does more.
        """
        if not argument:
            raise Mistake("mailbox: it has no name")
        sound = await answered(channel)
        greetings = [name for name in ([greeting] if isinstance(greeting, str) else greeting) if name]
        if await play(channel, sound, [sound_of(name) for name in greetings], stop=stop):
            await channel.digit(0)  # enough of the greeting
        engine = channel.core.engine
        mailbox = await finished(mailbox_named(engine, argument)) or Mailbox(id=argument)
        try:
            taking = engine.mailboxes.take(channel, mailbox, free_space=self._dialplan.free_space)
        except Full as full:
            await self._full(channel, sound, "message", engine.mailboxes.box(argument).folder, full.reason)
            return
        kept = False
        try:
            await play(channel, sound, [BEEP])
            taking.begin()
            try:
                longest = seconds if seconds > 0 else mailbox.max_seconds
                await record(channel, sound, taking.path, seconds=longest, silence=silence, stop=stop)
            finally:  # the caller may have hung up: that is how most messages end
                length = seconds_of(taking.path)
                if kept := length >= minimum and length > 0:
                    taking.keep(length)
        finally:
            if not kept:
                taking.drop()

    def _seconds(self, wanted: float) -> float:
        return wanted if wanted > 0 else self._dialplan.recording_seconds

    @contextmanager
    def _taken(self, path: Path) -> Iterator[None]:
        """Let nobody else record to this file meanwhile."""
        recorded = self._dialplan.recorded
        recorded.add(path)
        try:
            yield
        finally:
            recorded.discard(path)

    def _room(self, folder: Path) -> bool:
        """Whether the disk has space left."""
        wanted = self._dialplan.free_space
        return not wanted or shutil.disk_usage(folder).free >= wanted * 1_000_000

    async def _full(self, channel: Channel, sound: Sound, variable: str, path: Path, reason: str) -> None:
        """Tell, and let the caller hear, that nothing is recorded."""
        channel.set(variable, "")
        channel.core.tell("dialplan.full", channel=channel, path=str(path), reason=reason)
        await play(channel, sound, [INFORMATION])


def _name(text: str) -> str:
    """Make one part of a path of a name: it cannot lead anywhere else."""
    name = _UNSAFE.sub("_", text).lstrip(".")
    if not name:
        raise Mistake("the name of a recording is empty")
    return name[:120]


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # what people said is nobody else's
