"""The state directory: 0700, with the database, the control socket and the key of this installation.

Nonces and stateless tags hang on the key, so it outlives a restart: a restart must not make every phone register anew at once. The key is
also the mark by which a folder is known as ours.

Rule: what we have not made is not changed, and nobody else's folder is taken: who names /tmp would otherwise lock everybody else out of it.
A folder that is there already is taken when it bears the mark, when it is empty but for what belongs into one, or when it is its owner's
alone already; its permissions are changed only when it bears the mark.
"""

from __future__ import annotations

import os
import stat
from fnmatch import fnmatch
from pathlib import Path

KEY = "key"
KEY_BYTES = 64
REALM = "realm"
"""The file that says which realm the stored hashes were made for."""
OURS = (
    "key.new",
    "control.sock",
    "sipline.db*",
    "*.sqlite*",
    "*.db",
    "*.log",
    "*.jsonl",
    "*.pcap",
    "mailboxes",
    "recordings",
    "lost+found",
)
"""What may lie in a folder that bears no mark yet: what is put back from a copy, what a start that failed half-way has left, what the
options that name files put there, and what a new disk holds."""


INSTEAD = "write the name of a folder that is not there yet: it is made, for this server alone"


class Foreign(Exception):  # noqa: N818 (a sentence for the user)
    """Why a folder is not taken."""


def place(beside: Path, written: str) -> Path:
    """Return the folder that `state` means; `~` is who runs us. Raises RuntimeError for the home of somebody who is not there."""
    return beside / Path(written).expanduser()


def make(folder: Path) -> Path:
    """Create the state directory, its owner's alone; raises Foreign when it is there and is not ours."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            found, marked = os.fstat(descriptor), _is_marked(descriptor)
            why = "" if _is_mine(found, marked=marked) else "somebody else's"
            why = why or _used(descriptor, found, marked=marked)
            if why:
                raise Foreign(f"{folder} is {why}; {INSTEAD}") from None
            # One without the mark keeps its permissions, as nothing that we make in it is open to others. One of ours may be a copy that
            # somebody has put back, and its files be as open as it is.
            if marked and found.st_mode & 0o077:
                os.fchmod(descriptor, 0o700)
        finally:
            os.close(descriptor)
    return folder


def used(folder: Path) -> str:
    """Say what else a folder is for, whoever asks and without changing anything; empty: it is not there, is ours, or cannot be seen."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except NotADirectoryError:
        return "no folder"
    except OSError:
        return ""
    try:
        return _used(descriptor, os.fstat(descriptor), marked=_is_marked(descriptor))
    except PermissionError:
        return ""
    finally:
        os.close(descriptor)


def _is_marked(descriptor: int) -> bool:
    try:
        key = os.stat(KEY, dir_fd=descriptor, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(key.st_mode)


def _is_mine(found: os.stat_result, *, marked: bool) -> bool:
    return found.st_uid == os.geteuid() or (os.geteuid() == 0 and marked)  # root may serve from a folder of the server's user


def _used(descriptor: int, found: os.stat_result, *, marked: bool) -> str:
    if found.st_mode & stat.S_ISVTX:
        return "shared by many (its sticky bit is set)"
    if marked:
        return ""
    if found.st_mode & 0o022:
        return "open to others, who may write there"
    if not found.st_mode & 0o077:
        return ""
    others = sorted(name for name in os.listdir(descriptor) if not any(fnmatch(name, each) for each in OURS))
    return f"in use for something else: it holds {others[0]!r}, and others may look into it" if others else ""


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


def realm_before(folder: Path) -> str:
    """Return the first domain's realm of when the server ran last; empty: it has not, or nobody may know."""
    try:
        return (folder / REALM).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def keep_realm(folder: Path, realm: str) -> None:
    """Note the first domain's realm. Raises OSError."""
    if realm_before(folder) != realm:
        (folder / REALM).write_text(f"{realm}\n", encoding="utf-8")
