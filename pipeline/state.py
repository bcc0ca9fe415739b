"""The state directory: 0700, with the database, the control socket and the key of this installation.

Nonces and stateless tags hang on the key, so it outlives a restart: a restart must not make every phone register anew at once.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES = 64


def make(folder: Path) -> Path:
    """Create the state directory when it is not there, readable by its owner only."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def secret(folder: Path) -> bytes:
    """Return the key of this installation; made at the first start, 0600. Raises OSError when it cannot be read or written."""
    path = make(folder) / "key"
    try:
        found = path.read_bytes()
        if len(found) >= KEY_BYTES:
            return found[:KEY_BYTES]
    except FileNotFoundError:
        pass
    key = os.urandom(KEY_BYTES)
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return key
