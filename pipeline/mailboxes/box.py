"""One mailbox on the disk, and how many messages it has.

Rule: what is counted here was counted in the folders. A move is one rename of the WAV file, its .json goes before it, so that whoever looks
for WAV files finds both. Who comes too late for a file (another phone has deleted it) has lost nothing.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import attrs

from pipeline.mailboxes.message import URGENT, Message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Box", "Counts"]

GREATEST = 2**32 - 1
"""RFC 3842 3.5: no counter is larger."""
LISTED = 10_000
"""Messages of one folder that are looked at."""


@attrs.frozen
class Counts:
    """How many messages there are: those that are urgent are among the others (RFC 3842 3.5)."""

    new: int = 0
    old: int = 0
    urgent_new: int = 0
    urgent_old: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(min(GREATEST, one + two) for one, two in zip(attrs.astuple(self), attrs.astuple(other), strict=True)))

    @property
    def none(self) -> bool:
        """Whether there is nothing at all."""
        return self == Counts()


NONE = Counts()


class Box:
    """The folders of one mailbox."""

    __slots__ = ("_names", "external", "folder", "name")

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.external = NONE
        """Messages that another system has for it."""
        self._names: dict[str, set[str]] = {"new": set(), "old": set()}
        self.scan()

    def __len__(self) -> int:
        """How many messages are here, new and old."""
        return sum(map(len, self._names.values()))

    @property
    def counts(self) -> Counts:
        """All that there is for the owner, elsewhere too."""
        new, old = self._names["new"], self._names["old"]
        here = Counts(len(new), len(old), _urgent(new), _urgent(old))
        return here if self.external == NONE else here + self.external

    @property
    def greeting(self) -> Path:
        """Where the owner's greeting is, if he has recorded one."""
        return self.folder / "greeting.wav"

    def scan(self) -> None:
        """Look at the disk: two listings and a small file."""
        folder = str(self.folder)  # joined as text: there may be ten thousand at a start, and a Path costs more than a listing
        for part in self._names:
            self._names[part] = set(_listed(f"{folder}/{part}"))
        self.external = _read_external(f"{folder}/external.json")

    def messages(self, part: str) -> list[Message]:
        """Return the messages of "new" or "old": urgent ones first, then the oldest."""
        new = part == "new"
        names = sorted(self._names[part], key=lambda name: (not name.endswith(URGENT), name))
        return [Message(self.name, name, self.folder / part / f"{name}.wav", new) for name in names]

    def added(self, name: str) -> Message:
        """Count a new message whose files are there."""
        self._names["new"].add(name)
        return Message(self.name, name, self.folder / "new" / f"{name}.wav", new=True)

    def move(self, message: Message, part: str) -> Message | None:
        """Move a message to "new" or "old"; None: it is not there any more."""
        was = "new" if message.new else "old"
        there = self.folder / part / f"{message.name}.wav"
        if was != part:
            _make(there.parent)
            with suppress(FileNotFoundError):
                message.path.with_suffix(".json").replace(there.with_suffix(".json"))
            try:
                message.path.replace(there)
            except FileNotFoundError:
                self._names[was].discard(message.name)
                there.with_suffix(".json").unlink(missing_ok=True)
                return None
            self._names[was].discard(message.name)
            self._names[part].add(message.name)
        return attrs.evolve(message, path=there, new=part == "new")

    def delete(self, message: Message) -> bool:
        """Delete a message; False: it was gone already."""
        self._names["new" if message.new else "old"].discard(message.name)
        message.path.with_suffix(".json").unlink(missing_ok=True)
        try:
            message.path.unlink()
        except FileNotFoundError:
            return False
        return True

    def elsewhere(self, counts: Counts) -> None:
        """Note how many messages another system has; none at all takes the note away."""
        path = self.folder / "external.json"
        if counts.none:
            path.unlink(missing_ok=True)
        else:
            _make(self.folder)
            fresh = path.with_suffix(".tmp")
            fresh.write_text(json.dumps(attrs.asdict(counts)) + "\n", encoding="ascii")
            fresh.replace(path)
        self.external = counts


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # what people said is nobody else's


def _urgent(names: set[str]) -> int:
    return sum(name.endswith(URGENT) for name in names)


def _listed(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number >= LISTED:
                    return
                if entry.name.endswith(".wav") and not entry.name.startswith("."):
                    yield entry.name[:-4]
    except (FileNotFoundError, NotADirectoryError):
        return


def _read_external(path: str) -> Counts:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            found = json.loads(file.read(4096))
        return Counts(*(min(GREATEST, max(0, int(found.get(field.name, 0)))) for field in attrs.fields(Counts)))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return NONE
