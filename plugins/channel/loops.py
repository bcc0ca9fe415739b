"""Calls that come back: Max-Forwards and a loop mark, both carried from the incoming leg to the outgoing one. RFC 3261 16.3, RFC 5393.

A server in the middle begins a new dialog for its outgoing leg, and with it the Vias by which a proxy would know its own request again
are gone. So two things go along. Max-Forwards is one less than what came in, as if we were a proxy (16.6 step 3): every loop ends. And
the field `Sipline-Loop` lists a mark for each time the call has passed such a server: a keyed hash of whom was called, by which endpoint.
A call that comes with a mark which this server would set for it again is a loop, 482: it would take the same way again, and with each
fork twice as many would. Called by another name, or by another endpoint, the mark is another: that is a spiral, and allowed.

Rule: proxies hand an unknown field on; where another server in the middle drops it, Max-Forwards counts still. A mark tells nothing.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from pipeline.core.causes import Cause, Hangup
from pipeline.destinations import TECHNOLOGY
from pipeline.sip.breadth import breadth_of
from pipeline.sip.uri import host_key

if TYPE_CHECKING:
    from pipeline import Request, Uri

FIELD = "sipline-loop"
HOPS = 70  # RFC 3261 8.1.1.6
MARKS = HOPS
"""Marks that are read: a call cannot have passed more often."""
OCTETS = 6
LOOP = Hangup(Cause.INTERWORKING, "Loop Detected", TECHNOLOGY, 482)
TOO_MANY = Hangup(Cause.INTERWORKING, "Too Many Hops", TECHNOLOGY, 483)
TOO_BROAD = Hangup(Cause.INTERWORKING, "Max-Breadth Exceeded", TECHNOLOGY, 440)


class Breadth:
    """In how many branches a call may be under way at once, as its Max-Breadth says (RFC 5393 5.3.3); each branch gets a share of it."""

    __slots__ = ("_left", "_wanted")

    def __init__(self, most: int) -> None:
        self._left = most
        self._wanted = 0

    def want(self) -> None:
        """One more branch will take its share."""
        self._wanted += 1

    def take(self) -> int:
        """Return the share of one more branch: as much as is left for each that wants one, and 1 at least; 0: there is none."""
        share = min(self._left, max(1, self._left // max(1, self._wanted)))
        self._wanted = max(0, self._wanted - 1)
        self._left -= share
        return share

    def give_back(self, share: int) -> None:
        """A branch has ended."""
        self._left += share


class Trip(NamedTuple):
    """How far a call has come when it reached us."""

    hops: int = HOPS + 1
    """Max-Forwards as it came; a call that begins here has all before it."""
    marks: tuple[str, ...] = ()
    """The marks that it came with, and ours."""
    breadth: Breadth | None = None
    """What its Max-Breadth allows; None: it had none."""

    def onward(self) -> list[tuple[str, str]] | None:
        """Return the fields of the INVITE that carries the call on; None: it may go no further (483)."""
        if self.hops <= 0:
            return None
        fields = [("Max-Forwards", str(self.hops - 1))]
        if self.marks:
            fields.append(("Sipline-Loop", ", ".join(self.marks)))
        return fields


BEGINNING = Trip()
"""The trip of a call that the server itself makes."""


class Loops:
    """Marks of one server. The key is the installation's: it knows its marks after a restart, and all who share it know each other's."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.blake2b(key, digest_size=32, person=b"sipline-loop").digest()

    def arrived(self, request: Request, endpoint: str) -> Trip | Hangup:
        """Return the trip of a call that came in; LOOP when it has been here before in the same way. Raises Malformed."""
        hops = request.max_forwards
        mark = self.mark(request.uri, endpoint)
        before: tuple[str, ...] = ()
        if FIELD in request:
            items = (item.strip() for value in request.all(FIELD) for item in value.split(",", MARKS))
            before = tuple(item for item in items if len(item) == 2 * OCTETS and item.isalnum())[:MARKS]  # anything else is no mark
            if mark in before:
                return LOOP
        most = breadth_of(request)
        return Trip(HOPS if hops is None else min(hops, HOPS), (*before, mark), None if most is None else Breadth(most))

    def mark(self, uri: Uri, endpoint: str) -> str:
        """Return the mark of a call to this URI by this endpoint."""
        called = f"{uri.scheme}\0{uri.user_unescaped}\0{host_key(uri.host)}\0{uri.port or 0}\0{endpoint}"
        return hashlib.blake2b(called.encode("utf-8", "surrogateescape"), digest_size=OCTETS, key=self._key).hexdigest()
