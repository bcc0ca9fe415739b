"""Which requests hang on which connection: one that is lost is a transport error for those nobody has answered (RFC 3261 17.1.4, 8.1.3.1).

Rule: who has heard a 1xx of his INVITE waits on: in Proceeding nothing is being sent (RFC 6026 8.4), and the answer may come by another
connection, which the other end opens (RFC 3261 18.2.2). A connection is listened to once, however many requests go by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.sip.transaction_client import InviteClient

if TYPE_CHECKING:
    from pipeline.flow import Flow

    from .branch import Branch
    from .clients import Clients


class Hanging:
    """The client transactions by connection. Datagram flows never close: their requests are not here."""

    __slots__ = ("_by", "_clients")

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._by: dict[str, dict[Branch, None]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by.values()))

    def join(self, branch: Branch) -> None:
        """A request goes by a connection."""
        flow = branch.flow
        if flow.closed:  # as sending will tell
            return
        hanging = self._by.get(flow.id)
        if hanging is None:
            hanging = self._by[flow.id] = {}
            flow.on_closed(self._closed)
        hanging[branch] = None

    def leave(self, branch: Branch) -> None:
        """It has had its answer, or has ended."""
        if (hanging := self._by.get(branch.flow.id)) is not None:  # it stays, even empty, until the connection closes
            hanging.pop(branch, None)

    def _closed(self, flow: Flow, _reason: str) -> None:
        engine = self._clients.engine
        hanging = self._by.pop(flow.id, {})
        if engine.draining:  # it is we who close, and nobody is to be asked elsewhere
            return
        for branch in hanging:  # each in a turn of its own: others are still to hear of the connection, and one's failure is not another's
            engine.clock.loop.call_soon(self._lost, branch)

    def _lost(self, branch: Branch) -> None:
        machine = branch.machine
        if self._clients.has(branch) and not (isinstance(machine, InviteClient) and machine.state == "Proceeding"):
            self._clients.run(branch, machine.transport_error())
