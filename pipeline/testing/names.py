"""A name server for tests, on any network of the house: in memory, or on real sockets over loopback. RFC 1035, RFC 2308.

Records are written as a zone file has them: `zone.add("_sip._udp.example.com", "SRV", "10 60 5060 a.example.com")`. What is asked is kept.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from pipeline.sockets import Sockets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.flow import Address
    from pipeline.network import Network, Stream

SOA = "ns.{} admin.{} 1 3600 600 86400 {}"


class NameServer:
    """Answers questions from its records, by UDP and TCP."""

    def __init__(self, addresses: Mapping[str, Sequence[str]] | None = None) -> None:
        self.addresses = {} if addresses is None else addresses
        """Host -> addresses, read at each question: what a test changes counts at once."""
        self.records: dict[tuple[str, str], tuple[int, list[str]]] = {}
        self.asked: list[tuple[str, str]] = []
        """(name, kind) of every question, the oldest first."""
        self.minimum = 30
        """Seconds for which "there is none" may be kept (the SOA's last number)."""
        self.fails = ""
        """An rcode to answer everything with, as "SERVFAIL"; "silent": nothing is answered."""
        self.cut = False
        """Answer by UDP only that the answer is too long (TC)."""
        self._bound: list[Any] = []

    def add(self, name: str, kind: str, *values: str, ttl: int = 60) -> None:
        """Put records into the zone, besides those of that name and kind."""
        key = (name.lower().rstrip("."), kind)
        self.records[key] = (ttl, [*self.records.get(key, (0, []))[1], *values])

    def serve(self, network: Network, host: str, port: int = 53) -> Address:
        """Begin to answer; returns the address."""

        def came(data: bytes, source: Address, local: Address) -> None:
            answer = self.answer(data, stream=False)
            if answer:
                endpoint.send(answer, source, local)

        endpoint = network.datagram(host, port, came)
        listener = network.listen(host, endpoint.local[1], self._accepted)
        self._bound = [endpoint, listener]
        return endpoint.local

    def close(self) -> None:
        """Answer no more."""
        for bound in self._bound:
            bound.close()

    def _accepted(self, stream: Stream) -> None:
        received = bytearray()

        def came(data: bytes) -> None:
            received.extend(data)
            while len(received) >= 2 and len(received) >= (size := 2 + int.from_bytes(received[:2], "big")):
                answer = self.answer(bytes(received[2:size]), stream=True)
                del received[:size]
                if answer:
                    stream.write(len(answer).to_bytes(2, "big") + answer)

        stream.on_closed = lambda _: None
        stream.on_data = came

    def answer(self, data: bytes, *, stream: bool) -> bytes:
        """Return the answer to a question; b"": silence."""
        import dns.flags  # noqa: PLC0415  # not at every start of pytest
        import dns.message  # noqa: PLC0415
        import dns.rcode  # noqa: PLC0415
        import dns.rdatatype  # noqa: PLC0415
        import dns.rrset  # noqa: PLC0415

        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        self.asked.append((name, kind))
        if self.fails == "silent":
            return b""
        response = dns.message.make_response(query, recursion_available=True)
        if self.fails:
            response.set_rcode(dns.rcode.from_text(self.fails))
            return response.to_wire()
        at = name
        while (alias := self.records.get((at, "CNAME"))) and kind != "CNAME":
            response.answer.append(dns.rrset.from_text(f"{at}.", alias[0], "IN", "CNAME", f"{alias[1][0].rstrip('.')}."))
            at = alias[1][0].rstrip(".").lower()
        ttl, values = self._find(at, kind)
        if values:
            response.answer.append(dns.rrset.from_text_list(f"{at}.", ttl, "IN", kind, values, relativize=False))
        else:
            zone = at.partition(".")[2] or at
            soa = SOA.format(f"{zone}.", f"{zone}.", self.minimum)
            response.authority.append(dns.rrset.from_text(f"{zone}.", 3600, "IN", "SOA", soa))
            if not response.answer and at not in {known for known, _ in self.records} and at not in self.addresses:
                response.set_rcode(dns.rcode.NXDOMAIN)
        data = response.to_wire(max_size=65535)
        if stream or (len(data) <= max(query.payload, 512) and not self.cut):
            return data
        cut = dns.message.make_response(query, recursion_available=True)
        cut.flags |= dns.flags.TC
        return cut.to_wire()

    def _find(self, name: str, kind: str) -> tuple[int, list[str]]:
        found = self.records.get((name, kind))
        if found is not None:
            return found[0], [value if kind not in ("SRV", "NAPTR") or value.endswith(".") else f"{value}." for value in found[1]]
        if kind in ("A", "AAAA"):
            return 60, [each for each in self.addresses.get(name, ()) if (":" in each) == (kind == "AAAA")]
        return 0, []


class Loopback:
    """A NameServer on a real socket with a thread of its own, for tests that start whole programs."""

    def __init__(self, server: NameServer, host: str = "127.0.0.1") -> None:
        self.server = server
        self._loop = asyncio.new_event_loop()
        network = Sockets(self._loop)
        self._network = network
        self.address = server.serve(network, host, 0)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop it."""
        self._loop.call_soon_threadsafe(self._network.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
