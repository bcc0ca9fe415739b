"""One message: a WAV file, and beside it a .json that says who called, when, and how long.

Rule: what can be seen in a folder's listing stands in the name (TIME-CHANNEL, "-urgent" behind it); the .json is read when somebody wants
to know. Files that somebody put there by hand, without one, are messages too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import attrs

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["URGENT", "Message", "folder_name", "name_of"]

URGENT = "-urgent"
LONGEST = 200
"""Signs of a folder's name: file systems take 255 bytes, and `forget` puts some around it."""
LARGEST = 64 << 10
"""Bytes of a .json that are read; ours have some hundred."""


def folder_name(text: str) -> str:
    """Make one part of a path of a mailbox's name: it leads nowhere else, no two make the same. Raises ValueError for what is none."""
    name = quote(text, safe="@+=", errors="surrogateescape")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if not name or len(name) > LONGEST:
        raise ValueError(f"{text[:40]!r} cannot be the name of a mailbox: it is " + ("too long" if name else "empty"))
    return name


def name_of(folder: str) -> str:
    """Return the name of the mailbox whose folder this is."""
    return unquote(folder, errors="surrogateescape")


@attrs.frozen
class Message:
    """A message that somebody has left."""

    mailbox: str
    """Name of its mailbox."""
    name: str
    """Name of its files, without ending."""
    path: Path
    """Its WAV file."""
    new: bool
    """Whether nobody has heard it yet."""

    @property
    def urgent(self) -> bool:
        """Whether the caller said so."""
        return self.name.endswith(URGENT)

    def about(self) -> dict[str, Any]:
        """Read who called and when: caller_name, caller_number, caller_domain, time (UTC seconds), seconds, dialed; as far as known."""
        path = self.path.with_suffix(".json")
        try:
            with path.open("rb") as file:
                found = json.loads(file.read(LARGEST))
        except (OSError, ValueError, RecursionError):
            found = None
        about: dict[str, Any] = found if isinstance(found, dict) else {}
        if not isinstance(about.get("time"), int | float):
            try:
                about["time"] = self.path.stat().st_mtime
            except OSError:
                about.pop("time", None)
        return about
