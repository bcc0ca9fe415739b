"""Where the control socket is, and the lock on the state directory: one server, or one command that writes, at a time.

The lock is the kernel's (flock on the directory itself), so it ends with the process whatever ends that: a socket that is found while
the lock is ours belongs to a server that is dead, and is replaced.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import state

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "control.sock"
LONGEST = 100
"""Octets of a Unix socket's path: 108 on Linux, 104 elsewhere, with room for the closing zero (unix(7))."""


class Busy(Exception):  # noqa: N818 (a sentence for the user)
    """Another process uses the state directory."""


class Lock:
    """Holds the state directory until it is closed; raises Busy at once when another process does, state.Foreign when it is not ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = state.make(folder)
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            self._descriptor = -1
            raise Busy(f"already running: another sipline uses {folder}") from None
        state.secret(folder)  # from here on it is known as ours

    def bind(self) -> socket.socket:
        """Bind the control socket, 0600, in place of what a dead server left."""
        (self.folder / NAME).unlink(missing_ok=True)
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            with _short(self.folder) as path:
                bound.bind(path)
        except BaseException:
            bound.close()
            raise
        finally:
            os.umask(before)
        bound.setblocking(False)
        return bound

    def close(self) -> None:
        """Take the socket away and let others have the directory."""
        if self._descriptor >= 0:
            (self.folder / NAME).unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1


def connect(folder: Path) -> socket.socket | None:
    """Return a connection to the server that uses this state directory; None when none runs."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(folder) as path:
            connection.connect(path)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        connection.close()
        return None
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def _short(folder: Path) -> Iterator[str]:
    """Give a path of the socket that the kernel takes. A long one is said through an open descriptor of its directory."""
    path = str(folder / NAME)
    if len(os.fsencode(path)) <= LONGEST or not Path("/proc/self/fd").is_dir():
        yield path
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)
