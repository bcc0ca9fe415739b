"""All mailboxes of a server: `engine.mailboxes`. Takes messages, moves and deletes them, counts, and tells when the numbers change.

Rule: nothing that a caller does fills the disk: a mailbox holds so many messages, those that others are leaving now count as well, and
below so much free space none is taken. A message is there whole or not at all: it is recorded in tmp/ and moved when it is finished, its
.json first. Files are small and few: what is done here is a listing or two renames, on the loop, so that no two of them interleave.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.core.rates import Rate
from pipeline.mailboxes.box import Box, Counts
from pipeline.mailboxes.message import URGENT, Message, folder_name, name_of
from pipeline.mailboxes.pins import Guard

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.core import Channel
    from pipeline.dal import Mailbox
    from pipeline.engine import Pipeline

__all__ = ["Full", "Mailboxes", "Taking"]

DAY = 86400.0
HANDFUL = 20
"""Mailboxes that are looked at before the loop has its turn: some 2 ms."""
CALLER_RATE, CALLER_BURST = 1 / 600, 9
"""Wrong PINs that one endpoint, or one address of strangers, may give: three calls of three, then one in ten minutes."""
TRUNK = 10
"""And ten times as often all callers of an endpoint that is believed who they are (`trust_id_inbound`): each counts for himself."""
JUST_NOW = 10.0
"""Seconds in which plugins that start one after the other share one look."""


class Full(Exception):  # noqa: N818  it says what is
    """A mailbox takes no message: `reason` is "messages" or "space"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Taking:
    """A message that is being left: record to `path`, then `keep` or `drop`."""

    __slots__ = ("_box", "_channel", "_mailbox", "_mailboxes", "_name", "began", "path", "urgent")

    def __init__(self, mailboxes: Mailboxes, box: Box, mailbox: Mailbox, channel: Channel) -> None:
        self._mailboxes, self._box, self._mailbox, self._channel = mailboxes, box, mailbox, channel
        self.began = channel.core.clock.time()
        self.urgent = False
        self._name = f"{datetime.fromtimestamp(self.began, UTC):%Y%m%dT%H%M%S}-{channel.id}"
        self.path = box.folder / "tmp" / f"{self._name}.wav"

    def begin(self) -> None:
        """Note that the caller speaks from now on."""
        self.began = self._channel.core.clock.time()

    def keep(self, seconds: float) -> Message:
        """Move it to where it is found, and tell everybody. Some bytes and two renames: no thread is worth that. Raises OSError."""
        channel, name = self._channel, self._name + (URGENT if self.urgent else "")
        kept = self._box.folder / "new" / f"{name}.wav"
        about: dict[str, Any] = {
            "mailbox": self._mailbox.id,
            "caller_name": channel.caller.name,
            "caller_number": channel.caller.number,
            "caller_domain": channel.caller.domain,
            "time": round(self.began, 3),
            "seconds": round(seconds, 3),
            "dialed": channel.dialed,
            "endpoint": channel.endpoint,
            "call": channel.call.id,
        }
        # A name may hold bytes that are no UTF-8: a message is not lost for that. JSON reads "\\udcff" as it is written.
        text = json.dumps(about, ensure_ascii=False, indent=1) + "\n"
        self._mailboxes.taking.discard(self.path)  # whatever becomes of it: it is not being left any more
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        note = kept.with_suffix(".json")
        try:
            note.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as error:  # the disk is full: what was said is worth more than who said it when
            with contextlib.suppress(OSError):
                note.unlink(missing_ok=True)
            channel.core.failed("mailboxes", error, channel)
        self.path.replace(kept)
        message = self._box.added(name)
        channel.variables["message"] = str(kept)
        owner = self._mailbox
        channel.core.tell("mailbox.message", mailbox=owner.id, path=str(kept), caller=channel.caller, seconds=seconds, channel=channel)
        self._mailboxes.told_message(owner, message)
        self._mailboxes.changed(self._box)
        return message

    def drop(self) -> None:
        """Throw it away; what is kept already stays."""
        self._mailboxes.taking.discard(self.path)
        self.path.unlink(missing_ok=True)
        self._mailboxes.tidy(self._box)


class Mailboxes:
    """The mailboxes of one engine."""

    def __init__(self, engine: Pipeline) -> None:
        self._engine = engine
        self.boxes: dict[str, Box] = {}
        """By name, those that were asked for or found."""
        self.taking: set[Path] = set()
        """Files that are being recorded now."""
        self.guard = Guard(engine.clock)
        self.callers = Rate(CALLER_RATE, CALLER_BURST)
        """Wrong PINs by who calls, at whatever mailboxes: `guard` alone would let one caller try the usual three at each of them."""
        self.trunks = Rate(TRUNK * CALLER_RATE, TRUNK * CALLER_BURST)
        """The same by trunk, whose network might let somebody choose his number after all."""
        self._told: dict[str, Counts] = {}
        self._looked: float | None = None

    @property
    def folder(self) -> Path:
        """Where they all are."""
        return self._engine.plan.state / "mailboxes"

    def box(self, name: str) -> Box:
        """Return a mailbox by its name, which may be new."""
        box = self.boxes.get(name)
        if box is None:
            box = self.boxes[name] = Box(name, self.folder / folder_name(name))
            self._told[name] = box.counts
        return box

    def counts(self, name: str) -> Counts:
        """Return how many messages there are for the owner of a mailbox. Makes nothing of a name that has no folder."""
        if name not in self.boxes and not (self.folder / folder_name(name)).is_dir():
            return Counts()
        return self.box(name).counts

    async def open(self) -> None:
        """Look at the whole disk, unless somebody has just done so: each plugin that counts calls this at its start."""
        now = self._engine.clock.now()
        if self._looked is None or now - self._looked > JUST_NOW:
            await self.load()

    async def load(self) -> list[str]:
        """Look at the whole disk again; return the names of those whose numbers are others than was known."""
        changed = []
        self._looked = self._engine.clock.now()
        for number, name in enumerate(sorted({*self.boxes, *self._on_disk()}), 1):
            box = self.boxes.get(name)
            if box is None:
                self.box(name)
            else:
                box.scan()
                if self.changed(box):
                    changed.append(name)
            if number % HANDFUL == 0:
                await asyncio.sleep(0)
        return changed

    def _on_disk(self) -> list[str]:
        try:
            with os.scandir(self.folder) as entries:
                found = [(name_of(entry.name), entry.name) for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
                return [name for name, folder in found if folder_name(name) == folder]
        except (FileNotFoundError, ValueError):
            return []

    # -- messages ----------------------------------------------------------------------------------------------------

    def take(self, channel: Channel, mailbox: Mailbox, *, free_space: int) -> Taking:
        """Begin to take a message. `free_space`: MB that the disk must have, 0: it is not looked at. Raises Full."""
        box, limit = self.box(mailbox.id), mailbox.max_messages
        if limit and len(box) + sum(path.parent.parent == box.folder for path in self.taking) >= limit:
            box.scan()  # somebody may have deleted files by hand: nobody is refused for what was counted long ago
            self.changed(box)
            if len(box) + sum(path.parent.parent == box.folder for path in self.taking) >= limit:
                raise Full("messages")
        taking = Taking(self, box, mailbox, channel)
        taking.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if free_space and shutil.disk_usage(taking.path.parent).free < free_space * 1_000_000:
            raise Full("space")
        self.taking.add(taking.path)
        return taking

    def tidy(self, box: Box) -> None:
        """Leave no trace of a mailbox that holds nothing: its name may be what a caller has dialled."""
        if len(box) or box.external != Counts() or any(path.parent.parent == box.folder for path in self.taking):
            return
        with contextlib.suppress(OSError):  # a greeting is there, or somebody's own file
            for part in ("tmp", "new", "old"):
                with contextlib.suppress(FileNotFoundError):
                    (box.folder / part).rmdir()
            box.folder.rmdir()
            self.boxes.pop(box.name, None)
            self._told.pop(box.name, None)

    def move(self, message: Message, part: str) -> Message | None:
        """Move a message to "new" or "old"; None: it is not there any more."""
        box = self.box(message.mailbox)
        moved = box.move(message, part)
        self.changed(box)
        return moved

    def delete(self, message: Message) -> bool:
        """Delete a message; False: it was gone already."""
        box = self.box(message.mailbox)
        there = box.delete(message)
        if there:
            self._engine.tell("mailbox.deleted", mailbox=message.mailbox, message=message.name)
        self.changed(box)
        return there

    def elsewhere(self, name: str, counts: Counts) -> Box:
        """Note how many messages another voicemail system has for the owner of a mailbox."""
        box = self.box(name)
        box.elsewhere(counts)
        self.changed(box)
        return box

    def expire(self, mailbox: Mailbox, now: float) -> int:
        """Delete messages that are older than the mailbox keeps them; return how many."""
        if not mailbox.retention_days:
            return 0
        box = self.box(mailbox.id)
        late = [
            message
            for part in ("new", "old")
            for message in box.messages(part)
            if message.about().get("time", now) < now - mailbox.retention_days * DAY
        ]
        return sum(self.delete(message) for message in late)

    def forget(self, name: str) -> Path | None:
        """Put the folder of a mailbox aside whose owner is gone, so that the next of that name does not hear it. Gives where it is now."""
        ident = folder_name(name)
        folder = self.folder / ident
        box = self.boxes.pop(name, None)
        self._told.pop(name, None)
        if not folder.is_dir():
            return None
        aside = self.folder / f".removed-{ident}-{datetime.fromtimestamp(self._engine.clock.time(), UTC):%Y%m%dT%H%M%S}"
        folder.rename(aside)
        if box is not None:
            self._engine.tell("mailbox.changed", mailbox=name, counts=Counts())
        return aside

    # -- telling -----------------------------------------------------------------------------------------------------

    def changed(self, box: Box) -> bool:
        """Tell the numbers of a mailbox if they are others than those that were told last."""
        counts = box.counts
        if self._told.get(box.name) == counts:
            return False
        self._told[box.name] = counts
        self._engine.tell("mailbox.changed", mailbox=box.name, counts=counts)
        return True

    def told_message(self, mailbox: Mailbox, message: Message) -> None:
        """Let every plugin do what it likes with a message that was just left (hook `mailbox_message`)."""
        engine = self._engine
        hook = engine.generation.mailbox_message
        for step, name in zip(hook.steps, hook.names, strict=True):
            try:
                step(mailbox, message)
            except Exception as error:
                engine.counts["failed." + name] += 1
                engine.tell("step.failed", plugin=name, stage="integration", error=repr(error), exception=error, passage=None)
