"""The other end of the control socket: asks one question, gives what comes back."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.cli import Failed
from pipeline.cli.files import state_of
from pipeline.control.place import NAME, connect
from pipeline.state import KEY

if TYPE_CHECKING:
    import socket
    from argparse import Namespace
    from collections.abc import Iterator

SECONDS = 1.0
"""How long a server may take to say what it was started from: one that is well does so in milliseconds."""
LONGEST = 1 << 16
"""Octets of that: a path has 4,096 at most (PATH_MAX)."""


class Client:
    """One connection to the running server."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = connection.makefile("rb")

    @classmethod
    def of(cls, args: Namespace) -> Client:
        """Connect; Failed when no server runs."""
        client = cls.unless_offline(args)
        if client is None:
            raise Failed(f"no server runs with the state directory {state_of(args)}: start one with `sipline run`")
        return client

    @classmethod
    def unless_offline(cls, args: Namespace) -> Client | None:
        """Connect; None when no server runs. Failed when that of this file runs elsewhere: it would not know what is written here."""
        folder, file = state_of(args), Path(args.config)
        client = cls.perhaps(folder)
        if client is None and (other := _elsewhere(folder, file)) is not None:
            raise Failed(
                f"no server runs with the state directory {folder}. The one that was started from {file.name} runs with {other}: its"
                " [pipeline] state was changed meanwhile. Restart it, or write the former state again to reach it"
            )
        return client

    @classmethod
    def perhaps(cls, folder: Path) -> Client | None:
        """Connect; None when no server runs."""
        try:
            connection = connect(folder)
        except OSError as error:
            raise Failed(f"the control socket in {folder}: {error.strerror or error}") from None
        return None if connection is None else cls(connection)

    def ask(self, do: str, **more: Any) -> Iterator[dict[str, Any]]:
        """Ask, and give every answer up to the last; Failed with the server's own words."""
        self._connection.sendall(json.dumps({"do": do, **more}).encode() + b"\n")
        try:
            for line in self._reader:
                answer = json.loads(line)
                if "error" in answer:
                    raise Failed(answer["error"])
                if "end" in answer:
                    return
                yield answer
        except ConnectionError:
            pass
        if do not in ("trace", "subscribe"):
            raise Failed("the server has gone")

    def rows(self, do: str, **more: Any) -> list[dict[str, Any]]:
        """Ask for rows."""
        return [answer["row"] for answer in self.ask(do, **more) if "row" in answer]

    def close(self) -> None:
        """Hang up."""
        self._reader.close()
        self._connection.close()


def _elsewhere(folder: Path, file: Path) -> Path | None:
    """Return with which state directory the server of this file runs: it stays where it was started when `state` is changed."""
    wanted = file.resolve()
    beside = {socket.absolute() for parent in (folder.parent, wanted.parent) for socket in parent.glob(f"*/{NAME}")}
    return next((socket.parent for socket in sorted(beside | _bound()) if _file_of(socket) == str(wanted)), None)


def _bound() -> set[Path]:
    """Return the control sockets that the kernel knows (proc(5)), wherever they are; none where it does not say."""
    try:
        names = [line.split(maxsplit=7)[-1] for line in Path("/proc/net/unix").read_text(errors="replace").splitlines()]
    except OSError:
        return set()
    return {Path(name) for name in names if name.startswith("/") and name.endswith(f"/{NAME}")}


def _file_of(path: Path) -> str:
    """Return the file that a server was started from; "" when that is not to be had. Who is not known as a server of ours is not asked."""
    try:
        found, key = path.lstat(), (path.parent / KEY).lstat()
        if not stat.S_ISSOCK(found.st_mode) or os.geteuid() not in (0, found.st_uid) or not stat.S_ISREG(key.st_mode):
            return ""
        connection = connect(path.parent)
        if connection is None:
            return ""
        with connection, connection.makefile("rb") as reader:
            connection.settimeout(SECONDS)
            connection.sendall(b'{"do": "server"}\n')
            return str(json.loads(reader.readline(LONGEST))["row"]["file"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def remind(folder: Path) -> None:
    """Say how the server that runs, if one does, takes a changed file."""
    client = Client.perhaps(folder) if folder.is_dir() else None
    if client is not None:
        client.close()
        print("the running server goes on as before: `sipline reload` has it take this")
