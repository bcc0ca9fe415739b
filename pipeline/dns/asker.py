"""One question to the name servers over the wire: UDP from a port of its own, TCP when the answer was cut, the next server in time.

RFC 1035 4.2, RFC 6891 (EDNS), RFC 5452 (an answer counts only from the server that was asked, at the port it was asked from, with its
number and its question). The library dnspython writes and reads the messages; the sockets are the engine's network, so nothing waits here
and the virtual network carries DNS like everything else.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from pipeline.pending import Pending

from .records import Naptr, Srv

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.clock import Clock
    from pipeline.flow import Address
    from pipeline.network import Endpoint, Network, Stream

__all__ = ["Answer", "Asker", "NameError_", "Unanswered", "name_of"]

PAYLOAD = 1232
"""Octets of a UDP answer that surely arrive whole (DNS flag day 2020); longer ones come by TCP."""
FIRST_WAIT = 1.0
"""Seconds for a server in the first round, twice as long in the next: resolv.conf's 5 s are for batch jobs, not for calls."""
LARGEST = 8192
"""Octets of an answer that is read, however it comes: who owns a name writes its records, and reading them holds everybody up (ANS_SIZE of
Kamailio)."""
RECORDS = 32
"""Records of an answer that are taken, those of the lowest priority: as many as Kamailio looks at in a group of SRV records; pjsip takes 8
(PJ_DNS_SRV_MAX_ADDR, PJ_DNS_MAX_IP_IN_A_REC)."""
UNDER_WAY = 1000
"""Questions that may be under way at once: names in Contacts and Routes are the choice of others."""


class NameError_(OSError):  # noqa: N801, N818  # the plain word is taken
    """The name does not exist, or has no record of the kind that was asked for."""


class Unanswered(OSError):  # noqa: N818  # what happened, not an error's name
    """No name server gave an answer that can be used."""


class Answer:
    """Records of one kind and how long they may be kept; none: there are none, or (`missing`) not even the name."""

    __slots__ = ("missing", "records", "ttl")

    def __init__(self, records: list[Any], ttl: float, missing: bool = False) -> None:
        self.records = records
        self.ttl = ttl
        self.missing = missing


class Asker:
    """Asks the name servers."""

    def __init__(self, network: Network, clock: Clock, below: Callable[[int], int]) -> None:
        self._network = network
        self._clock = clock
        self._below = below
        self._best: Address | None = None
        """Who answered last: asked first, so that a dead server costs one wait and not one a question."""
        self.under_way = 0
        self.asked = 0
        self.unanswered = 0

    def ask(self, name: str, kind: str, servers: Sequence[Address], seconds: float) -> Pending:
        """Ask for the records of a kind ("A", "AAAA", "SRV", "NAPTR"): a Pending of an Answer; fails with Unanswered."""
        if self.under_way >= UNDER_WAY:
            return Pending.failed(Unanswered(errno.EAGAIN, f"{UNDER_WAY} questions to name servers are under way already"))
        try:
            question = dns.message.make_query(name_of(name), kind, use_edns=0, payload=PAYLOAD, id=self._below(65536))
        except dns.exception.DNSException:
            return Pending.of(Answer([], 60.0, missing=True))  # no name of the DNS: a label too long, or empty
        order = sorted(servers, key=lambda server: server != self._best)
        return _Question(self, question, order, seconds).pending

    def answered(self, server: Address) -> None:
        """Note who answered."""
        self._best = server


class _Question:
    """One question on its way through the servers."""

    def __init__(self, asker: Asker, query: dns.message.QueryMessage, servers: Sequence[Address], seconds: float) -> None:
        self.pending = Pending()
        self._asker = asker
        self._query = query
        self._servers = servers
        self._turn = 0
        self._endpoint: Endpoint | None = None
        self._stream: Stream | None = None
        self._why = "no name server is known"
        asker.under_way += 1
        self._end = asker._clock.now() + seconds
        self._handle: Any = None
        self._next()

    # -- one server after the other ----------------------------------------------------------------------------------

    def _next(self) -> None:
        """Ask the next server, twice each at most."""
        self._close()
        left = self._end - self._asker._clock.now()
        if self._turn >= 2 * len(self._servers) or left <= 1e-6:
            self._asker.unanswered += 1
            self._finish(Unanswered(errno.ETIMEDOUT, f"no name server answered ({self._why})"))
            return
        server = self._servers[self._turn % len(self._servers)]
        wait = min(left, FIRST_WAIT * (1 if self._turn < len(self._servers) else 2))
        self._turn += 1
        self._handle = self._asker._clock.call_later(wait, self._late, server)
        self._send(server)

    def _send(self, server: Address) -> None:
        def came(data: bytes, source: Address, _local: Address) -> None:
            if source[0] == server[0] and source[1] == server[1]:
                self._came(data, server, cut_is_whole=False)

        self._asker.asked += 1
        try:
            anywhere = "::" if ":" in server[0] else "0.0.0.0"  # noqa: S104  # the route chooses the address
            self._endpoint = self._asker._network.datagram(anywhere, 0, came)
            error = self._endpoint.send(self._query.to_wire(), server)
            if error is not None:
                raise error
        except OSError as error:
            self._why = f"{server[0]}: {error}"
            self._asker._clock.call_later(0, self._skip, self._turn)

    def _skip(self, turn: int) -> None:
        if turn == self._turn and not self.pending.done:
            self._next()

    def _late(self, server: Address) -> None:
        self._why = f"{server[0]} is silent"
        self._next()

    # -- what comes back ---------------------------------------------------------------------------------------------

    def _came(self, data: bytes, server: Address, *, cut_is_whole: bool) -> None:
        if len(data) > LARGEST:
            return  # no server sends that much to who said PAYLOAD
        try:
            response = dns.message.from_wire(data, ignore_trailing=True)
        except (dns.exception.DNSException, ValueError):
            return  # noise, or a forgery: the true answer may still come
        if not self._query.is_response(response):
            return
        rcode = response.rcode()
        if rcode == dns.rcode.FORMERR and self._query.edns >= 0:  # older than RFC 2671
            self._query.use_edns(False)
            self._turn -= 1
            self._next()
        elif response.flags & dns.flags.TC and not cut_is_whole:
            self._by_tcp(server)
        elif rcode in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            try:
                answer = read(response)
            except dns.exception.DNSException as error:
                self._why = f"{server[0]}: {error!r}"
                self._next()
                return
            self._asker.answered(server)
            self._finish(answer)
        else:
            self._why = f"{server[0]} says {dns.rcode.to_text(rcode)}"
            self._next()

    def _by_tcp(self, server: Address) -> None:
        """Ask again by TCP: the answer was longer than a datagram."""
        turn, received = self._turn, bytearray()

        def connected(pending: Pending) -> None:
            if turn != self._turn or self.pending.done:
                if not _failed(pending):
                    pending.value().reset("nobody waits for it")
                return
            try:
                stream: Stream = pending.value()
            except OSError as error:
                self._why = f"{server[0]}: {error}"
                self._next()
                return
            self._stream = stream
            stream.on_closed = lambda _: self._skip(turn)
            stream.on_data = came
            wire = self._query.to_wire()
            stream.write(len(wire).to_bytes(2, "big") + wire)

        def came(data: bytes) -> None:
            received.extend(data)
            if len(received) > LARGEST + 2 or int.from_bytes(received[:2], "big") > LARGEST:
                self._why = f"{server[0]}: the answer is longer than {LARGEST} octets"
                self._next()
            elif len(received) >= 2 and len(received) >= 2 + int.from_bytes(received[:2], "big"):
                self._came(bytes(received[2:]), server, cut_is_whole=True)

        self._asker._network.connect(server[0], server[1], timeout=max(0.1, self._end - self._asker._clock.now())).then(connected)

    # -- the end -----------------------------------------------------------------------------------------------------

    def _close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            endpoint.close()
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.on_closed = None
            stream.close("asked")

    def _finish(self, result: Answer | Unanswered) -> None:
        if self.pending.done:
            return
        self._close()
        self._asker.under_way -= 1
        if isinstance(result, Answer):
            self.pending.resolve(result)
        else:
            self.pending.fail(result)


def _failed(pending: Pending) -> bool:
    try:
        pending.value()
    except OSError:
        return True
    return False


def name_of(text: str) -> dns.name.Name:
    """Return a name of the DNS, absolute. Raises DNSException; the root is nobody's name."""
    if not text.strip("."):
        raise dns.name.EmptyLabel
    return dns.name.from_text(text.removesuffix(".") + ".")


def read(response: dns.message.Message) -> Answer:
    """Read the records of an answer, CNAMEs followed; how long none are kept is the SOA's to say (RFC 2308 5). Raises DNSException."""
    chain = response.resolve_chaining()  # type: ignore[attr-defined]
    missing = response.rcode() == dns.rcode.NXDOMAIN
    if chain.answer is None:
        return Answer([], chain.minimum_ttl, missing)
    values = [value for data in chain.answer if (value := _value(data)) is not None]
    if len(values) > RECORDS:
        values = sorted(values, key=_place)[:RECORDS]
    return Answer(values, chain.minimum_ttl)


def _place(value: Any) -> tuple[int, int]:
    """Return what is to be kept first of too many."""
    if isinstance(value, Srv):
        return value.priority, 0
    return (value.order, value.preference) if isinstance(value, Naptr) else (0, 0)


def _value(data: Any) -> Any:
    if data.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
        return data.address
    if data.rdtype == dns.rdatatype.SRV:
        return Srv(data.priority, data.weight, data.port, _text(data.target))
    if data.rdtype == dns.rdatatype.NAPTR:
        return Naptr(
            data.order,
            data.preference,
            data.flags.decode("ascii", "replace"),
            data.service.decode("ascii", "replace"),
            _text(data.replacement),
        )
    return None


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower() if name != dns.name.root else ""
