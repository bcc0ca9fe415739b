"""What a crash has left in tmp/: messages that were being recorded when the server died.

Rule: what is long enough is a message, as it would have been had the caller hung up then; the rest is deleted. A recorder writes the length
into the header when it has finished, so here it is told by the size of the file. Who called is not known any more.
"""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from pathlib import Path
from struct import pack, unpack_from
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.engine import Pipeline
    from pipeline.mailboxes.box import Box

__all__ = ["recover", "repaired"]

HEAD = 44
"""Bytes before the samples in a file of a recorder of ours (plugins/media_local/wav.py)."""
HANDFUL = 20
"""Mailboxes that are looked at before the loop has its turn."""


async def recover(engine: Pipeline, min_seconds: float) -> list[Path]:
    """Keep or delete what nobody records any more; `min_seconds`: what is shorter is no message. Gives the messages that were kept."""
    mailboxes, kept = engine.mailboxes, []
    for number, box in enumerate(tuple(mailboxes.boxes.values()), 1):
        try:
            kept += _box(engine, box, min_seconds)
        except OSError as error:  # that is one mailbox, and not the others
            engine.core.failed("mailboxes", error)
        if number % HANDFUL == 0:
            await asyncio.sleep(0)
    return kept


def _box(engine: Pipeline, box: Box, min_seconds: float) -> list[Path]:
    mailboxes = engine.mailboxes
    left, kept = [path for path in _files(box.folder / "tmp") if path not in mailboxes.taking], []
    for path in left:
        seconds = repaired(path)
        if seconds <= 0 or seconds < min_seconds:
            path.unlink(missing_ok=True)
            continue
        there = box.folder / "new" / path.name
        there.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = {"mailbox": box.name, "time": round(path.stat().st_mtime - seconds, 3), "seconds": round(seconds, 3)}
        there.with_suffix(".json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8", errors="backslashreplace")
        path.replace(there)
        box.added(there.stem)
        kept.append(there)
        engine.tell("mailbox.recovered", mailbox=box.name, path=str(there), seconds=seconds)
    if left:
        mailboxes.changed(box)
        mailboxes.tidy(box)
    return kept


def _files(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.name.endswith(".wav") and entry.is_file(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []


def repaired(path: Path) -> float:
    """Write into the header of a WAV file how long it is; return that, in seconds; 0 when it is none of ours. Raises OSError."""
    with path.open("r+b") as file:
        head = file.read(HEAD)
        if len(head) < HEAD or head[:4] != b"RIFF" or head[8:16] != b"WAVEfmt " or head[36:40] != b"data":
            return 0.0
        rate, frame = unpack_from("<IH", head, 28)  # bytes in a second, bytes in a frame
        if not rate or not frame:
            return 0.0
        size = (file.seek(0, os.SEEK_END) - HEAD) // frame * frame
        with suppress(OSError):  # it can be heard all the same, but by whoever believes the header
            for place, value in ((4, size + HEAD - 8), (40, size)):
                file.seek(place)
                file.write(pack("<I", min(value, 0xFFFFFFFF)))
        return float(size / rate)
