"""`record` and `mailbox`: what the caller says, kept under the state directory.

    recordings/NAME.wav
    mailboxes/OWNER/new/TIME-CHANNEL.wav, beside it TIME-CHANNEL.json: who called, when, how long

Rule: nothing that a caller does fills the disk: a recording has an end, a mailbox holds so many messages, and below so much free space
nothing is recorded: event `dialplan.full`, the caller hears the information tone, and the steps behind follow with ${recording} or
${message} empty. Two who record under one name at once get a file each. A message is there whole or not at all: it is recorded in
mailboxes/OWNER/tmp and moved when it is finished, the caller's hanging up included, its .json first, so that whoever looks for .wav files
finds both. Shorter than `minimum` it is no message.
"""

from __future__ import annotations

import json
import re
import shutil
import wave
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.core import State
from pipeline.pending import Pending

from ..patterns import Mistake  # noqa: TID252
from ..sounds import BEEP, NAMED, sound_of  # noqa: TID252
from ..voice import answered, play, upon_digit  # noqa: TID252

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.core import Channel, Sound

    from ..dialplan import Dialplan  # noqa: TID252

__all__ = ["Keeping", "seconds_of"]

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
            await _record(channel, sound, path, self._seconds(seconds), silence, stop)

    async def mailbox(
        self,
        channel: Channel,
        argument: str = "${extension}",
        *,
        greeting: str | list[str] = "",
        seconds: float = 180.0,
        silence: float = 5.0,
        minimum: float = 1.0,
        stop: str = "#",
    ) -> None:
        """Play the greeting, a beep, and take a message for a mailbox. ${message} is its path; event `mailbox.message`.

        `seconds`: 0 for the plugin's `recording_seconds`. A mailbox that holds `messages` takes no more: event `dialplan.full`.
        """
        sound = await answered(channel)
        greetings = [name for name in ([greeting] if isinstance(greeting, str) else greeting) if name]
        if await play(channel, sound, [sound_of(name) for name in greetings], stop=stop):
            await channel.digit(0)  # enough of the greeting
        owner = _name(argument)
        box = self._dialplan.mailboxes_folder / owner
        name = f"{datetime.fromtimestamp(channel.core.clock.time(), UTC):%Y%m%dT%H%M%S}-{_name(channel.id)}"
        taken, kept = box / "tmp" / f"{name}.wav", box / "new" / f"{name}.wav"
        _make(taken.parent)
        _make(kept.parent)
        if reason := self._refuses(box):
            await self._full(channel, sound, "message", box, reason)
            return
        with self._taken(taken):
            await play(channel, sound, [BEEP])
            began = channel.core.clock.time()
            try:
                await _record(channel, sound, taken, self._seconds(seconds), silence, stop)
            finally:  # the caller may have hung up: that is how most messages end
                self._keep(channel, argument, taken, kept, began, minimum)

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

    def _refuses(self, box: Path) -> str:
        """Say why a mailbox takes no message; empty: it does. Those that others are leaving now count as well."""
        limit = self._dialplan.messages
        if limit:
            held = sum(path.parent.name != "tmp" for path in box.glob("*/*.wav"))
            if held + sum(path.parent.parent == box for path in self._dialplan.recorded) >= limit:
                return "messages"
        return "" if self._room(box) else "space"

    async def _full(self, channel: Channel, sound: Sound, variable: str, path: Path, reason: str) -> None:
        """Tell, and let the caller hear, that nothing is recorded."""
        channel.set(variable, "")
        channel.core.tell("dialplan.full", channel=channel, path=str(path), reason=reason)
        await play(channel, sound, [NAMED["information"]])

    def _keep(self, channel: Channel, mailbox: str, taken: Path, kept: Path, began: float, minimum: float) -> None:
        """Move a message to where it is found, or throw it away. A few hundred bytes and two renames: no thread is worth that."""
        if not taken.exists():
            return
        length = seconds_of(taken)
        if length < minimum:
            taken.unlink()
            return
        about: dict[str, Any] = {
            "mailbox": mailbox,
            "caller_name": channel.caller.name,
            "caller_number": channel.caller.number,
            "caller_domain": channel.caller.domain,
            "time": round(began, 3),
            "seconds": round(length, 3),
            "dialed": channel.dialed,
            "endpoint": channel.endpoint,
            "call": channel.call.id,
        }
        # A name may hold bytes that are no UTF-8: a message is not lost for that. JSON reads "\\udcff" as it is written.
        text = json.dumps(about, ensure_ascii=False, indent=1) + "\n"
        kept.with_suffix(".json").write_text(text, encoding="utf-8", errors="backslashreplace")
        taken.replace(kept)
        channel.variables["message"] = str(kept)
        channel.core.tell("mailbox.message", mailbox=mailbox, path=str(kept), caller=channel.caller, seconds=length, channel=channel)


async def _record(channel: Channel, sound: Sound, path: Path, seconds: float, silence: float, stop: str) -> None:
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


def seconds_of(path: Path) -> float:
    """Return how long a WAV file is; 0 when it is none."""
    try:
        with wave.open(str(path)) as file:
            return float(file.getnframes() / (file.getframerate() or 1))
    except (OSError, EOFError, wave.Error):
        return 0.0


def _name(text: str) -> str:
    """Make one part of a path of a name: it cannot lead anywhere else."""
    name = _UNSAFE.sub("_", text).lstrip(".")
    if not name:
        raise Mistake("the name of a recording is empty")
    return name[:120]


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # what people said is nobody else's
