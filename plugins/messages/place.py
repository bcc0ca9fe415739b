"""One device where a message is delivered: the MESSAGE that goes there, and what its answer means. RFC 3428 7, RFC 3261 8.1.3.

Rule: the Request-URI is the Contact, and Call-ID, From tag and CSeq are the author's: a device that was sent the same message twice, since
nobody heard its first answer, knows it again (RFC 3261 8.2.2.2) and shows it once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import Flow, Request
from pipeline.client import TOO_LARGE, Final, Provisional, TransportError
from pipeline.core import Fate, Receipt
from pipeline.sip.uri import host_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline import Passage
    from pipeline.client import Outcome
    from pipeline.core import Text
    from pipeline.destinations import Destination

    from .driver import Driver

LATER = frozenset((408, 430, 480, 487, 500, 502, 503, 504))
"""Answers after which the same message may be taken another time."""
TAKEN = Receipt(Fate.DELIVERED, code=200)
MERGED = Receipt(Fate.DELIVERED, "it has this message already", 482)
SILENT = Receipt(Fate.ABSENT, "it did not answer", 480)
TOO_LONG = Receipt(Fate.TOO_LARGE, TOO_LARGE, 513)


class Place:
    """A device, for one message."""

    __slots__ = ("_again", "_destination", "_driver", "_told", "device")

    def __init__(self, driver: Driver, destination: Destination) -> None:
        self._driver = driver
        self._destination = destination
        self.device = destination.device

    def deliver(self, text: Text, told: Callable[[Receipt], None]) -> None:
        """Send it."""
        destination, driver = self._destination, self._driver
        self._told, self._again = told, text.again
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
        told = self._told
        del self._told  # it holds this place
        if isinstance(outcome, Final):
            status = outcome.response.status
            told(TAKEN if status == 200 else receipt_of(status, outcome.response.reason, again=self._again))
        elif isinstance(outcome, TransportError):
            told(TOO_LONG if outcome.reason == TOO_LARGE else Receipt(Fate.ABSENT, outcome.reason, 480))
        else:
            told(SILENT)


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
    if status in (401, 407) or status < 400:  # its challenge is ours to answer, not the author's; where it sends us, nobody follows
        return Receipt(Fate.REFUSED, f"it answered {status} {reason}", 403 if status >= 400 else 480)
    return Receipt(Fate.REFUSED, reason, status)
