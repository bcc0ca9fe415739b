"""One device where a message is delivered: the MESSAGE that goes there, and what its answer means. RFC 3428 7, RFC 3261 8.1.3.

Rule: the Request-URI is the Contact, and Call-ID, From tag and CSeq are the author's: a device that was sent the same message twice, since
nobody heard its first answer, knows it again (RFC 3261 8.2.2.2) and shows it once.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from pipeline import Flow, Malformed, Pending, Request
from pipeline.client import TOO_LARGE, Final, Provisional, TransportError
from pipeline.core import Fate, Hangup, Receipt
from pipeline.sip.uri import host_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline import Passage, Response
    from pipeline.client import Outcome
    from pipeline.core import Text
    from pipeline.destinations import Destination

    from .driver import Driver

LATER = frozenset((408, 430, 480, 487, 500, 502, 503, 504))
"""Answers after which the same message may be taken another time."""
TAKEN = Receipt(Fate.DELIVERED, code=200)
MERGED = Receipt(Fate.DELIVERED, "it has this message already", 482)
SILENT = Receipt(Fate.ABSENT, "it did not answer", 480)
NOWHERE = Receipt(Fate.REFUSED, "it sends us on to nobody", 480)
FOLLOWED = 5
"""Places that redirections may lead to: as many as the answers to one message may make us ask."""
TOO_LONG = Receipt(Fate.TOO_LARGE, TOO_LARGE, 513)


class Place:
    """A device, for one message."""

    __slots__ = ("_destination", "_driver", "_text", "_told", "_visited", "_ways", "device")

    def __init__(self, driver: Driver, destination: Destination) -> None:
        self._driver = driver
        self._destination = destination
        self.device = destination.device

    def deliver(self, text: Text, told: Callable[[Receipt], None]) -> None:
        """Send it."""
        self._text, self._told = text, told
        self._ways: deque[Destination] | None = None
        """Where a 3xx has sent us and we have not been; None: nowhere."""
        self._send(self._destination)

    def _send(self, destination: Destination) -> None:
        text, driver = self._text, self._driver
        uri = destination.uri
        start = f"MESSAGE {uri} SIP/2.0\r\n"
        if destination.route:
            start += "".join([f"Route: {route}\r\n" for route in destination.route])
        message = Request("MESSAGE", uri, start + (text.details or driver.details(text)), text.body)
        endpoint = destination.endpoint
        if endpoint.id:
            if endpoint.from_user or endpoint.from_domain:
                driver.write_from(message, endpoint)
            if not endpoint.send_pai and "p-asserted-identity" in message:
                message.remove("p-asserted-identity", by="messages")
        driver.engine.request(message, destination.target, self._heard, text.cause, endpoint if endpoint.id else None)

    def is_at(self, passage: Passage) -> bool:
        """Tell whether this is the device that a message came from."""
        target = self._destination.target
        flow = passage.flow
        ways = target if isinstance(target, list) else [target]
        for way in ways:
            if way is flow or (isinstance(way, Flow) and way.peer[:2] == flow.peer[:2]):
                return True
            if not isinstance(way, Flow) and host_key(way.host) == host_key(flow.peer[0]) and (way.port or 5060) == flow.peer[1]:
                return True
        return False

    def _heard(self, outcome: Outcome) -> None:
        if isinstance(outcome, Provisional):
            return
        if isinstance(outcome, Final):
            response = outcome.response
            status = response.status
            if 300 <= status < 400 and self._redirected(response):
                return
            receipt = TAKEN if status == 200 else receipt_of(status, response.reason, again=self._text.again)
        elif isinstance(outcome, TransportError):
            receipt = TOO_LONG if outcome.reason == TOO_LARGE else Receipt(Fate.ABSENT, outcome.reason, 480)
        else:
            receipt = SILENT
        if self._ways and not receipt.taken:
            self._send(self._ways.popleft())
            return
        told = self._told
        del self._told  # it holds this place
        told(receipt)

    def _redirected(self, response: Response) -> bool:
        """Go where a 3xx says, to each place once, one after the other (RFC 3261 8.1.3.4); False: nobody is followed.

        Who is not trusted with more (`redirect_method` "uri") may name users of ours alone: these he could write to himself.
        """
        endpoint, engine = self._destination.endpoint, self._driver.engine
        if not endpoint.id or endpoint.redirect_method == "no":
            return False
        try:
            found = [each.uri for each in response.contacts]
        except Malformed:
            return False
        targets = tuple(uri.text for uri in found if endpoint.redirect_method == "uri" or engine.domain_of(uri.host) is not None)
        if self._ways is None:
            self._ways, self._visited = deque(), {self._destination.uri}
        secure = self._destination.uri[:5].lower() == "sips:"
        ways = self._driver.targets.redirected(Hangup(targets=targets), endpoint, secure=secure)
        (ways if isinstance(ways, Pending) else Pending.of(ways)).then(self._found)
        return True

    def _found(self, pending: Pending) -> None:
        ways = self._ways
        assert ways is not None
        for destination in pending.value():
            if destination.uri not in self._visited and len(self._visited) <= FOLLOWED:
                self._visited.add(destination.uri)
                ways.append(destination)
        if ways:
            self._send(ways.popleft())
            return
        told = self._told
        del self._told
        told(NOWHERE)


def receipt_of(status: int, reason: str, *, again: bool) -> Receipt:
    """Return what a final answer means; `again`: the device may have got this message before."""
    if 200 <= status < 300:
        return Receipt(Fate.ACCEPTED if status == 202 else Fate.DELIVERED, reason, status)
    if status == 482 and again:
        return MERGED
    if status in LATER:
        return Receipt(Fate.ABSENT, reason, status)
    if status in (413, 513):
        return Receipt(Fate.TOO_LARGE, reason, status)
    if status in (401, 407) or status < 400:  # its challenge is ours to answer, not the author's, as are its redirections
        return Receipt(Fate.REFUSED, f"it answered {status} {reason}", 403 if status >= 400 else 480)
    return Receipt(Fate.REFUSED, reason, status)
