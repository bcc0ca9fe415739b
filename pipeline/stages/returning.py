"""The way back to whoever's connection has gone before his request was answered. RFC 3261 18.2.2.

Rule: it leads to the address that the request came from, proved by its handshake, and to no other: only the port is what the Via says.
So nobody can aim our connections at others. Not over TLS, where no certificate names an address (RFC 5922 7.3), nor for WebSocket, whose
clients do not listen (RFC 7118 5). One attempt for a transaction, few at once.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pipeline.datagrams import literal
from pipeline.flow import Flow, Target
from pipeline.pending import Pending
from pipeline.sip.routing import reply_to, same_address

if TYPE_CHECKING:
    from pipeline.engine import Pipeline
    from pipeline.flow import Address
    from pipeline.sip.via import Via

AT_ONCE, OF_ONE = 64, 4
"""Connections that are being opened, in all and to one address: who does not answer costs a descriptor until the network gives up."""
HELD_BACK = 16
"""Answers that wait for the connection: a transaction has a few provisional ones and a final one."""


class Returning(Flow):
    """A connection to be: what is sent by it waits until it is there. Only the transaction that it answers has it."""

    __slots__ = ("_engine", "_error", "_flow", "_former", "_waiting", "local", "peer")

    transport = "TCP"
    reliable = True
    by_length = True

    def __init__(self, engine: Pipeline, former: Flow, peer: Address) -> None:
        self._engine = engine
        self._former = former
        self._flow: Flow | None = None
        self._error: OSError | None = None
        self._waiting: list[bytes] = []
        self.local = former.local
        self.peer = peer

    @property
    def advertised(self) -> Address:
        """Our address in Via and Contact."""
        return self._former.advertised

    @property
    def listener(self) -> str:
        """The name of the plugin instance."""
        return self._former.listener

    @property
    def id(self) -> str:
        """That of the connection, until then that of the one that has gone."""
        return (self._flow or self._former).id

    @property
    def closed(self) -> bool:
        """Tell whether nothing can be sent any more."""
        return self._error is not None or (self._flow is not None and self._flow.closed)

    def send(self, data: bytes) -> None:
        """Send one message, now or when the connection is there; raises ConnectionError when there will be none."""
        if self._error is not None:
            raise ConnectionError(str(self._error))
        if self._flow is not None:
            self._flow.send(data)
        elif len(self._waiting) < HELD_BACK:
            self._waiting.append(data)
        else:
            raise ConnectionError(f"{HELD_BACK} answers wait for a connection to {self.peer[0]} already")

    def opened(self, pending: Pending) -> None:
        """Take the connection, or why there is none."""
        waiting, self._waiting = self._waiting, []
        try:
            flow = self._flow = pending.value()
        except OSError as error:
            self._error = error
            for _ in waiting:
                self._engine.unsent(self._former.id, error)
            return
        for data in waiting:
            self._engine._write(data, flow)


class Returns:
    """Opens connections to those who had one, within limits."""

    __slots__ = ("_engine", "_opening")

    def __init__(self, engine: Pipeline) -> None:
        self._engine = engine
        self._opening: Counter[str] = Counter()

    def flow(self, former: Flow, via: Via | None) -> Flow:
        """Return a flow to the sender of a request that came by `former`, which has closed; `former` when there is none."""
        host = former.peer[0]
        if former.transport != "TCP" or isinstance(former, Returning) or via is None or via.transport != "TCP":
            return former
        if literal(via.host.strip("[]")) and not same_address(via.host, host):
            return former  # behind a translator, where its port means nothing
        if self._opening.total() >= AT_ONCE or self._opening[host] >= OF_ONE:
            return former
        peer = reply_to(via, (host, former.peer[1]), reliable=True)
        found: Any = self._engine.connect(Target(*peer, "TCP", only=True))
        if not isinstance(found, Pending):
            return found or former
        returning = Returning(self._engine, former, peer)
        self._opening[host] += 1

        def opened(pending: Pending) -> None:
            self._opening[host] -= 1
            if not self._opening[host]:
                del self._opening[host]
            returning.opened(pending)

        found.then(opened)
        return returning
