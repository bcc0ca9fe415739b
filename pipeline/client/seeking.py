"""One target after the other until one takes the message: RFC 3263 4.3, and 18.1.1 of RFC 3261 for what is too long for a datagram.

Names are located a step at a time by pipeline.dns; who was dead a moment ago is tried last; a request that is too long goes by TCP, and
by UDP all the same where TCP is not taken. What DNS says is the choice of others: it is tried in bounds of number and time. How a message
is sent, and what becomes of it, is the affair of who seeks (asking.py, acknowledging.py).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import attrs

from pipeline.datagrams import literal
from pipeline.flow import Flow, Target
from pipeline.pending import Pending
from pipeline.sip.grammar import Malformed
from pipeline.sip.routing import target_of
from pipeline.sip.uri import Uri

from .outcomes import Provisional, Timeout, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.dal import Endpoint
    from pipeline.dns import Service
    from pipeline.passage import Passage
    from pipeline.sip.message import Request

    from .clients import Clients
    from .outcomes import Outcome

TRIES = 8
"""Addresses that DNS gave, or names that it did not know, which are tried for a message: PJSIP_MAX_RESOLVED_ADDRESSES of pjsip. Without
bounds one request would be thousands, to whomever the owner of a name has chosen."""
SECONDS = 180.0
"""For how long a next one of them is tried, RFC 3263 4.3 having none: max_inv_lifetime of Kamailio; Timer C (RFC 3261 16.6) is alike."""
TCP_CONNECT_SECONDS = 2.0
"""How long a peer may take to accept TCP, for a request that is too long for UDP."""


class Seeking:
    """A message of ours that wants to be sent to the first target that takes it."""

    # What most of them never have stands here once: one is made for each message that goes out.
    _last: list[Target] | tuple[()] = ()
    """Targets that were dead a moment ago: tried when there is no other (RFC 3263 4.3)."""
    _desperate = False
    _target: Target | None = None
    """What the branch at work was sent to, as far as it was located: not for a flow that was given."""
    _udp: Target | None = None
    """Where to go by UDP after all when TCP, taken for the length of the request, fails (RFC 3261 18.1.1)."""
    _streamed = False
    """Whether what went by TCP for its length may go by nothing else (RFC 3428 8)."""
    _turn = 0
    """0: nothing is being tried at this moment; 1: it is; 2: it is, and has failed meanwhile."""
    _tried = 0
    """How many of TRIES are used up."""
    _until = 0.0
    """When SECONDS are over; 0: DNS was not asked."""
    _heard = False
    """Whether the target at work has said anything."""
    _failure: Outcome = TransportError("there is no target")
    cancelled = False
    over = False

    def __init__(
        self,
        clients: Clients,
        message: Request | Callable[[Flow], Request],
        targets: Any,
        on_event: Callable[[Outcome], None],
        cause: Passage | None,
        endpoint: Endpoint | None = None,
    ) -> None:
        self._clients = clients
        self.endpoint = endpoint
        """Whom it is for: interceptors and the credentials hook read it from the passage."""
        self._make = message
        self._targets = deque(targets) if isinstance(targets, list | tuple) else deque([targets])
        self._on_event = on_event
        self._cause = cause

    def go_on(self) -> None:
        """Try the next target; report the last failure when there is none. One that fails at once calls this again: a loop, not deeper."""
        if self._turn:
            self._turn = 2
            return
        self._turn = 2
        try:
            while self._turn == 2:
                self._turn = 1
                self._try()
        except Exception as error:
            self._broken(error)
            raise
        finally:
            self._turn = 0

    def _broken(self, error: Exception) -> None:
        """Tell the owner of a mistake in the house: it may be met in a callback, from which nobody else would hear of it."""
        if not self.over:
            self._tell(TransportError(f"it could not be sent: {error!r}"))

    def _try(self) -> None:
        if not self.cancelled and not self._targets and self._last:
            self._targets, self._last, self._desperate = deque(self._last), (), True
        if self.cancelled or not self._targets:
            self._tell(Timeout() if self.cancelled else self._failure)
            return
        target = self._targets.popleft()
        self._target = self._udp = None
        self._heard = False
        if isinstance(target, Flow):
            self._by(target)
            return
        try:
            if isinstance(target, str):
                target = Uri.parse(target)
            if type(target) is Uri:  # hot: most phones' Contacts are numeric
                hop = target_of(target)
                if hop.named:
                    self._locate(target)
                    return
                target = Target(hop.host, hop.port, hop.transport)
            if not isinstance(target, Target) or not literal(target.host):
                self._locate(target)
                return
        except Malformed as error:
            self.failed(TransportError(error.reason))
            return
        if target.name and not self._is_wanted(target):
            return
        self._connect(target)

    def _is_wanted(self, target: Target) -> bool:
        """Tell whether an address that DNS gave is tried now; if not, go on."""
        known = self._clients.engine.locator.health.says(target)
        if self._is_enough():
            self.go_on()
            return False
        if not self._desperate:
            self._tried += 1
        if known == "refused":
            self.failed(TransportError(f"{target} has asked to be left alone (503 with Retry-After)"))
            return False
        if known and not self._desperate:
            self._last = [*self._last, target]
            self.go_on()
            return False
        return True

    def _is_enough(self) -> bool:
        """Tell whether nothing more of what DNS says is tried."""
        if self._tried >= TRIES and not self._desperate:
            return True
        return self._until > 0 and self._clients.engine.clock.now() >= self._until

    def _locate(self, step: Uri | Service | Target) -> None:
        """Put in a target's place what DNS says, a step at a time (RFC 3263). Raises Malformed."""

        def located(pending: Pending) -> None:
            try:
                found = pending.value()
            except Exception as error:
                self._tried += 1
                self.failed(TransportError(f"{getattr(error, 'strerror', None) or error}"))
            else:
                self._located(step, found)

        if self._is_enough():
            self.go_on()
            return
        self._until = self._until or self._clients.engine.clock.now() + SECONDS
        found = self._clients.engine.locator.expand(step)
        if isinstance(found, Pending):
            found.then(located)
        else:
            self._located(step, found)

    def _located(self, step: Uri | Service | Target, found: list[Uri | Service | Target]) -> None:
        if not found:
            self._tried += 1
            self._failure = TransportError(f"nothing serves {step}")
        if not self.cancelled:
            self._targets.extendleft(reversed(found))
        self.go_on()

    def _connect(self, target: Target) -> None:
        flow = self._clients.engine.connect(target)
        if flow is None:
            self.failed(TransportError(f"no listed transport serves {target}"))
        elif isinstance(flow, Pending):
            flow.then(lambda pending: self._connected(target, pending))
        else:
            self._by(flow, target)

    def _connected(self, target: Target, pending: Pending) -> None:
        try:
            flow = pending.value()
        except OSError as error:
            if target.name:
                self._clients.engine.locator.health.dead(target)
            self.failed(TransportError(str(error)))
            return
        self._by(flow, target)

    def _by(self, flow: Flow, target: Target | None = None) -> None:
        if self.cancelled:
            self._tell(Timeout())
            return
        try:
            message = self._make(flow) if callable(self._make) else self._make
        except Exception as error:
            self._broken(error)
            raise
        if target is not None:
            self._target = target
            if flow.transport == "UDP" and not target.only and self._clients.is_large(message, target):
                self._by_tcp(message, flow, target)
                return
        self.send(message, flow)

    def _by_tcp(self, message: Request, flow: Flow, target: Target) -> None:
        """Send what is too long for a datagram by TCP; by UDP all the same when the peer takes none (RFC 3261 18.1.1)."""
        clients = self._clients
        stream = clients.engine.connect(attrs.evolve(target, transport="TCP"))
        if stream is None:
            self.send(message, flow)
            return
        settled = False

        def without(error: OSError) -> None:
            # Who refuses connections is there and takes none; who says nothing may be away, and what only a stream carries waits for him.
            if clients.needs_stream(message, flow) and not isinstance(error, ConnectionRefusedError):
                self.failed(TransportError(f"{target.host} has taken no TCP connection: {error}"))
                return
            clients.takes_no_tcp(target)
            self._by(flow, attrs.evolve(target, only=True))

        def connected(pending: Pending) -> None:
            nonlocal settled
            if settled:
                return
            settled = True
            timer.cancel()
            try:
                tcp = pending.value()
            except OSError as error:
                without(error)
                return
            self._udp = attrs.evolve(target, only=True)
            self._streamed = clients.needs_stream(message, flow)
            self._by(tcp)

        def late() -> None:
            nonlocal settled
            settled = True
            without(TimeoutError(f"nothing heard in {TCP_CONNECT_SECONDS:g} s"))

        if not isinstance(stream, Pending):
            stream = Pending.of(stream)
        timer = clients.engine.clock.call_later(TCP_CONNECT_SECONDS, late)
        stream.then(connected)

    def send(self, message: Request, flow: Flow) -> None:
        """Send `message` by `flow`; call `failed` when that goes wrong."""
        raise NotImplementedError

    def failed(self, failure: Outcome) -> None:
        """Remember why the target at work would not do, and try the next."""
        self._failure = failure
        self.go_on()

    def _tell(self, outcome: Outcome) -> None:
        if not isinstance(outcome, Provisional):
            self.over = True
        self._on_event(outcome)
