"""The state directory: 0700, with the database, the control socket and the key of this installation.

Nonces and stateless tags hang on the key, so it outlives a restart: a restart must not make every phone register anew at once. The key is
also the mark by which a folder is known as ours.

Rule: what we have not made is not changed. A folder that is there already is taken when it bears the mark, or is empty, its owner's alone
to write, and its owner is who runs us; who names /tmp or his home would otherwise lock everybody else out of it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

KEY = "key"
KEY_BYTES = 64
OURS = frozenset(("key.new", "control.sock"))
"""What may lie in a folder that bears no mark yet: what a start that failed half-way has left."""
# Filesystem Hierarchy Standard 3.0, chapters 3 to 6.
FOLDERS = """
    / /bin /boot /dev /etc /home /lib /lib32 /lib64 /media /mnt /opt /proc /root /run /sbin /srv /sys /tmp /usr
    /usr/bin /usr/lib /usr/local /usr/sbin /usr/share /usr/src
    /var /var/cache /var/lib /var/lock /var/log /var/mail /var/opt /var/run /var/spool /var/tmp
"""
SYSTEM = frozenset(FOLDERS.split())
"""Folders of the system."""


class Foreign(Exception):  # noqa: N818 (a sentence for the user)
    """Why a folder is not taken."""


def place(beside: Path, written: str) -> Path:
    """Return the folder that `state` means; `~` is who runs us. Raises RuntimeError for the home of somebody who is not there."""
    return beside / Path(written).expanduser()


def unfit(folder: Path, beside: Path | None = None) -> str:
    """Say why a folder can be no state directory, whatever it holds; empty: it may be one. `beside`: where pipeline.toml is."""
    real = os.path.realpath(folder)
    if beside is not None and Path(os.path.realpath(beside)).is_relative_to(real):
        return "the folder of the configuration" if real == os.path.realpath(beside) else "a folder that holds the configuration"
    if real == os.path.realpath(os.path.expanduser("~")):  # noqa: PTH111 (Path.home raises when there is none)
        return "a home directory"
    return "a folder of the system" if real in SYSTEM else ""


def make(folder: Path) -> Path:
    """Create the state directory, its owner's alone; raises Foreign when it is there and is not ours."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _take(folder, descriptor)
        finally:
            os.close(descriptor)
    return folder


def _take(folder: Path, descriptor: int) -> None:
    found = os.fstat(descriptor)
    try:
        key = os.stat(KEY, dir_fd=descriptor, follow_symlinks=False)
    except FileNotFoundError:
        marked = False
    else:
        marked = stat.S_ISREG(key.st_mode) and key.st_uid == found.st_uid
    why = unfit(folder)
    if found.st_mode & stat.S_ISVTX:
        why = why or "shared by many (its sticky bit is set)"
    if found.st_uid != os.geteuid() and not (marked and os.geteuid() == 0):
        why = why or "somebody else's"
    if not marked and found.st_mode & 0o022:
        why = why or "open to others, who may write there"
    if not marked and not why:
        others = sorted(set(os.listdir(descriptor)) - OURS)
        why = f"in use for something else: it holds {others[0]!r}" if others else ""
    if why:
        raise Foreign(f"{folder} is {why}; write the name of a folder that is not there yet: it is made, for this server alone")
    # An empty one keeps its permissions, as nothing that we make in it is open to others. One of ours may be a copy that somebody has put
    # back, and its files be as open as it is.
    if marked and found.st_mode & 0o077:
        os.fchmod(descriptor, 0o700)


def secret(folder: Path) -> bytes:
    """Return the key of this installation; made at the first start, 0600. Raises OSError when it cannot be read or written."""
    path = make(folder) / KEY
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
