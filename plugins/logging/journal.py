"""systemd's journal, in its own protocol: one datagram per entry to a socket of the system. https://systemd.io/JOURNAL_NATIVE_PROTOCOL

Rule: never waits. What the journal does not take at once is lost and counted. Values are single lines, so no binary fields are needed.
"""

from __future__ import annotations

import socket

SOCKET = "/run/systemd/journal/socket"


class Journal:
    """The way into the journal; raises OSError, saying what to write instead, when there is none."""

    def __init__(self, name: str, path: str = "") -> None:
        path = path or SOCKET
        self.lost = 0
        self._head = f"PRIORITY=6\nSYSLOG_IDENTIFIER=sipline\nSIPLINE_PLUGIN={name}\nMESSAGE="
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            why = f"[plugin.{name}] journal = true, but no systemd journal listens at {path} ({error.strerror})"
            raise OSError(f"{why}: write file = 'messages.log' instead") from None
        self._socket.setblocking(False)

    def write(self, lines: list[str]) -> None:
        """Send each line as an entry."""
        for line in lines:
            try:
                self._socket.send(f"{self._head}{line}\n".encode("utf-8", "replace"))
            except OSError:
                self.lost += 1

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
