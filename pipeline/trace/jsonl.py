"""Records as JSON lines: what the screen shows, for programs. The file is 0600: messages say who called whom."""

from __future__ import annotations

import json
import os
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.trace.record import Record


def private(path: str | os.PathLike[str]) -> int:
    """Create or empty a file that its owner alone may read; returns its descriptor."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    if os.fstat(descriptor).st_mode & 0o077:
        os.fchmod(descriptor, 0o600)
    return descriptor


class JsonLines:
    """Writes one object per message; `{"not_shown": n}` where n are missing."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file: IO[str] = os.fdopen(private(path), "w", encoding="utf-8", errors="backslashreplace")

    def show(self, record: Record) -> None:
        """Write one record, without the unmasked bytes."""
        if "data" in record:
            record = {key: value for key, value in record.items() if key != "data"}
        self._file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def gap(self, count: int) -> None:
        """Write that messages are missing here."""
        self._file.write(json.dumps({"not_shown": count}) + "\n")

    def flush(self) -> None:
        """Let others read what there is."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
