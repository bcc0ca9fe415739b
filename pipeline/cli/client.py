"""The other end of the control socket: asks one question, gives what comes back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipeline.cli import Failed
from pipeline.control.place import NAME, connect

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path


class Client:
    """One connection to the running server."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = connection.makefile("rb")

    @classmethod
    def of(cls, folder: Path) -> Client:
        """Connect; Failed when no server runs."""
        client = cls.perhaps(folder)
        if client is None:
            raise Failed(nobody(folder))
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


def nobody(folder: Path) -> str:
    """Say that no server answers here, and which one does beside it: a server stays where it was started when `state` is changed."""
    text = f"no server runs with the state directory {folder}"
    for other in sorted(folder.parent.glob(f"*/{NAME}")):
        try:
            connection = connect(other.parent)
        except OSError:
            continue  # of somebody else
        if connection is not None:
            connection.close()
            return (
                f"{text}, but one runs with {other.parent}: if it is this file's, its [pipeline] state was changed meanwhile."
                f" Restart the server, or write the former state again to reach it"
            )
    return f"{text}: start one with `sipline run`"


def remind(folder: Path) -> None:
    """Say how the server that runs, if one does, takes a changed file."""
    client = Client.perhaps(folder) if folder.is_dir() else None
    if client is not None:
        client.close()
        print("the running server goes on as before: `sipline reload` has it take this")
