"""Which dialogs hang on which connection: told when it has closed and their peer has not come back. RFC 5626 4.5, RFC 7118 5.

Rule: a connection that closes ends nothing at once. A phone that goes from Wi-Fi to the mobile network opens another within seconds, and a
browser's page that was loaded anew registers again. Who cannot be reached by any way after 64*T1 is given up by the dialog's owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pipeline.engine import Pipeline
    from pipeline.flow import Flow

__all__ = ["Carried", "Stranded"]


class Stranded(Protocol):
    """Who has a dialog with a peer at the other end of a connection."""

    def stranded(self, reason: str) -> None:
        """The connection closed 64*T1 ago, `reason` says why, and the dialog has not been moved to another since."""


class Carried:
    """The dialogs by connection."""

    __slots__ = ("_by", "_engine")

    def __init__(self, engine: Pipeline) -> None:
        self._engine = engine
        self._by: dict[str, dict[Stranded, None]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by.values()))

    def join(self, flow: Flow, usage: Stranded) -> None:
        """A dialog goes by this flow; datagram flows never close."""
        if not flow.reliable or flow.closed:
            return
        carried = self._by.get(flow.id)
        if carried is None:
            carried = self._by[flow.id] = {}
            flow.on_closed(self._closed)
        carried[usage] = None

    def leave(self, flow: Flow, usage: Stranded) -> None:
        """The dialog has ended, or goes by another flow."""
        if flow.reliable and (carried := self._by.get(flow.id)) is not None:  # it stays, even empty, until the connection closes
            carried.pop(usage, None)

    def _closed(self, flow: Flow, reason: str) -> None:
        if self._by.get(flow.id):
            self._engine.clock.call_later(self._engine.transactions.timers.lifetime, self._late, flow.id, reason)
        else:
            self._by.pop(flow.id, None)

    def _late(self, ident: str, reason: str) -> None:
        for usage in tuple(self._by.pop(ident, ())):
            usage.stranded(reason)
