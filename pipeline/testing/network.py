"""A network in memory: hosts, datagrams and streams, and from a seed everything that can happen to them under way.

Rule: the same interface as sockets.Sockets (it is written down in pipeline/network.py), so that transports run on it unchanged; and
the same seed gives the same trace, byte for byte and microsecond for microsecond, on a VirtualLoop. UDP may lose, duplicate,
delay and reorder; streams keep their order and cut it into pieces of any size. Streams are in testing/streams.py.
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import socket
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import attrs

from pipeline.datagrams import literal, not_literal
from pipeline.dns.system import Naming
from pipeline.network import BACKLOG, CONNECT_TIMEOUT, WRITE_LIMIT
from pipeline.pending import Pending
from pipeline.testing.names import NameServer
from pipeline.testing.streams import MemoryListener, MemoryStream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.flow import Address
    from pipeline.network import OnDatagram, OnRefused, OnUnheard, Stream

Bound = TypeVar("Bound")

WILDCARDS = {"0.0.0.0": 4, "::": 6}  # noqa: S104 - names of what is meant, nothing is bound
EPHEMERAL = 49152
NAME_SERVER = "10.53.53.53"
LARGEST = 65507
HELD_BACK = (0.001, 0.02)
"""Seconds by which a datagram is held back to be overtaken, where there is no delay to draw from."""


@attrs.frozen(slots=True)
class Record:
    """What happened to one datagram or stream."""

    time: float
    number: int
    """Which datagram: its copies have the same number."""
    what: str
    """delivered, lost, duplicated, held back, filtered, unreachable; for streams connected, refused, wrote, ended, reset, cut."""
    source: Address
    destination: Address
    data: bytes

    def __str__(self) -> str:
        line = self.data.partition(b"\r\n")[0].decode("utf-8", "backslashreplace")
        return f"{self.time:.6f} #{self.number} {shown(self.source)} > {shown(self.destination)} {self.what}: {len(self.data)} B {line}"


class Network:
    """The wires between hosts. Loss, duplicate and reorder are probabilities, delay a range of seconds; all may be changed under way."""

    def __init__(
        self,
        seed: int | str = 0,
        *,
        loss: float = 0.0,
        duplicate: float = 0.0,
        reorder: float = 0.0,
        delay: tuple[float, float] = (0.0, 0.0),
        log: bool = False,
        names: Mapping[str, Sequence[str]] | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a replay is what is wanted
        self.loss = loss
        self.duplicate = duplicate
        self.reorder = reorder
        """Probability that a datagram is held back (within `delay`) and not held to its order; all others keep theirs, pair by pair."""
        self.delay = delay
        self.chunks = True
        """Cut streams into pieces of random size; False delivers what has arrived in one piece."""
        self.filter: Callable[[bytes, Address, Address], bool] | None = None
        """filter(data, source, destination): False loses the datagram (or the connection attempt, with data b"")."""
        self.names: dict[str, Sequence[str]] = dict(names or {})
        """Host name -> addresses: what the name server of this network knows, besides `zone`."""
        self.zone = NameServer(self.names)
        """Its other records: `network.zone.add("example.com", "NAPTR", ...)`."""
        self._naming: Naming | None = None
        self.counts: Counter[str] = Counter()
        """How often each thing that a Record can say has happened, and "sent"."""
        self.log: list[Record] | None = [] if log else None
        self.datagrams: dict[Address, MemoryEndpoint] = {}
        self.listeners: dict[Address, MemoryListener] = {}
        self.streams: list[MemoryStream] = []
        """Both ends of every open connection, in the order in which they were made."""
        self._loop = loop
        self._ports = EPHEMERAL
        self._last: dict[tuple[Address, Address], float] = {}
        anywhere = Host(self, ("10.0.0.1", "2001:db8::1"), anywhere=True)
        self.datagram, self.listen, self.connect = anywhere.datagram, anywhere.listen, anywhere.connect
        self.resolve, self.local_for, self.knock = anywhere.resolve, anywhere.local_for, anywhere.knock

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop given, or else the one on which the network is first used."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def host(self, *addresses: str) -> Host:
        """A machine with these addresses: only they can be bound, and a wildcard means them all."""
        return Host(self, tuple(canonical(address) for address in addresses))

    def naming(self) -> Naming:
        """Whom everybody here asks for names; the name server begins to serve when it is first wanted."""
        if self._naming is None:
            self._naming = Naming((self.zone.serve(self.host(NAME_SERVER), NAME_SERVER),))
        return self._naming

    def trace(self) -> str:
        """The log as text, a line per record."""
        return "\n".join(map(str, self.log or ()))

    def cut(self, what: MemoryStream | str, reason: str = "connection lost") -> None:
        """Break a connection, or all of one host address: both ends hear `reason`, what was under way is lost."""
        for stream in tuple(self.streams):
            if stream is what or stream.peer_end is what or (isinstance(what, str) and stream.local[0] == canonical(what)):
                stream.cut(reason)

    def close(self) -> None:
        """Close everything on every host."""
        for endpoint in tuple(self.datagrams.values()):
            endpoint.close()
        for listener in tuple(self.listeners.values()):
            listener.close()
        for stream in tuple(self.streams):
            stream.cut("the network stops")

    def note(self, what: str, number: int, source: Address, destination: Address, data: bytes = b"") -> None:
        """Count, and write to the log if there is one."""
        self.counts[what] += 1
        if self.log is not None:
            self.log.append(Record(self.loop.time(), number, what, source, destination, data))

    def port(self) -> int:
        """A port nobody has had yet."""
        self._ports += 1
        return self._ports - 1

    def carry(self, data: bytes, source: Address, destination: Address) -> None:
        """Take a datagram and decide what happens to it."""
        self.counts["sent"] += 1
        number = self.counts["sent"]
        if self.filter is not None and not self.filter(data, source, destination):
            self.note("filtered", number, source, destination, data)
        elif self._happens(self.loss):
            self.note("lost", number, source, destination, data)
        else:
            self._launch(number, data, source, destination)
            if self._happens(self.duplicate):
                self.note("duplicated", number, source, destination, data)
                self._launch(number, data, source, destination, free=True)

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self.random.random() < probability

    def _launch(self, number: int, data: bytes, source: Address, destination: Address, *, free: bool = False) -> None:
        low, high = self.delay
        now = self.loop.time()
        if self._happens(self.reorder):
            self.note("held back", number, source, destination, data)
            arrival = now + self.random.uniform(*((low + high) / 2, high) if high > 0 else HELD_BACK)
        elif free:
            arrival = now + self.travel()
        else:
            arrival = self.in_order((source, destination), now)
        if arrival > now:
            self.loop.call_at(arrival, self._arrive, number, data, source, destination)
        else:
            self.loop.call_soon(self._arrive, number, data, source, destination)

    def travel(self) -> float:
        """Seconds that the next thing is under way."""
        low, high = self.delay
        return self.random.uniform(low, high) if high > 0 else 0.0

    def in_order(self, pair: tuple[Address, Address], now: float) -> float:
        """When something sent now arrives, if nothing between these two may overtake."""
        arrival, last = now + self.travel(), self._last.get(pair, 0.0)
        if arrival <= last and last > now:
            arrival = last + 1e-6  # timers of equal time have no order
        if arrival > now:
            self._last[pair] = arrival
        return arrival

    def _arrive(self, number: int, data: bytes, source: Address, destination: Address) -> None:
        endpoint = look_up(self.datagrams, destination)
        if endpoint is None:
            self.note("unreachable", number, source, destination, data)
        else:
            self.note("delivered", number, source, destination, data)
            endpoint.on_datagram(data, source, destination)


class Host:
    """A machine on the network: what an engine or a user agent gets as its `network`."""

    def __init__(self, network: Network, addresses: tuple[str, ...], *, anywhere: bool = False) -> None:
        self.network = network
        self.addresses = addresses
        self._anywhere = anywhere
        self._mine: list[MemoryEndpoint | MemoryListener] = []

    def datagram(
        self,
        host: str,
        port: int,
        on_datagram: OnDatagram,
        *,
        v6only: bool = True,
        receive_buffer: int = 0,
        send_buffer: int = 0,
        sieve: bool = False,
    ) -> MemoryEndpoint:
        """Bind. Buffers are endless here, and IPv6 is always V6ONLY."""
        keys, local = self._keys(self.network.datagrams, host, port)
        endpoint = MemoryEndpoint(self, keys, local, on_datagram)
        self.network.datagrams.update(dict.fromkeys(keys, endpoint))
        self._mine.append(endpoint)
        return endpoint

    def listen(
        self,
        host: str,
        port: int,
        on_connection: Callable[[Stream], object],
        *,
        v6only: bool = True,
        backlog: int = BACKLOG,
        write_limit: int = WRITE_LIMIT,
    ) -> MemoryListener:
        """Bind and accept; the backlog is endless."""
        keys, local = self._keys(self.network.listeners, host, port)
        listener = MemoryListener(self.network, keys, local, on_connection, write_limit)
        self.network.listeners.update(dict.fromkeys(keys, listener))
        self._mine.append(listener)
        return listener

    def connect(
        self, host: str, port: int, local: Address | None = None, timeout: float = CONNECT_TIMEOUT, *, write_limit: int = WRITE_LIMIT
    ) -> Pending:
        """Connect: a Pending of a MemoryStream, refused where nobody listens."""
        if not literal(host):
            return Pending.failed(not_literal(host))
        destination = (canonical(host), port)
        try:
            source = (canonical(local[0]) if local else self.local_for(destination), (local and local[1]) or self.network.port())
        except OSError as error:
            return Pending.failed(error)
        network, pending = self.network, Pending()
        there, back = network.travel(), network.travel()
        reachable = network.filter is None or network.filter(b"", source, destination)

        def arrived() -> None:
            listener = look_up(network.listeners, destination)
            if listener is None:
                network.note("refused", 0, source, destination)
                text = f"connecting to {shown(destination)}: connection refused"
                network.loop.call_later(back, pending.fail, ConnectionRefusedError(errno.ECONNREFUSED, text))
                return
            network.note("connected", 0, source, destination)
            ours = MemoryStream(network, source, destination, write_limit)
            theirs = MemoryStream(network, destination, source, listener.write_limit)
            ours.peer_end, theirs.peer_end = theirs, ours
            network.streams += (ours, theirs)
            listener.on_connection(theirs)
            network.loop.call_later(back, pending.resolve, ours)

        if not reachable or there + back > timeout:
            late = TimeoutError(errno.ETIMEDOUT, f"connecting to {shown(destination)}: no answer in {timeout:g} s")
            network.loop.call_later(timeout, pending.fail, late)
        else:
            network.loop.call_later(there, arrived)
        return pending

    def resolve(self, host: str, family: int = 0) -> Pending:
        """Look the name up in `network.names`: a Pending of a list. The answer takes a turn of the loop."""
        if literal(host):
            return Pending.of([host])
        pending = Pending()
        wanted = {0: (4, 6), socket.AF_INET: (4,), socket.AF_INET6: (6,)}[family]
        found = [address for address in self.network.names.get(host.lower().rstrip("."), ()) if version(address) in wanted]
        if found:
            self.network.loop.call_soon(pending.resolve, found)
        else:
            self.network.loop.call_soon(pending.fail, socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {host!r}"))
        return pending

    def naming(self) -> Naming:
        """The network's own name server; no hosts file."""
        return self.network.naming()

    def knock(self, destination: Address, seconds: float) -> Pending:
        """Tell whether a socket is bound there, unless the way is cut: then nobody can tell."""
        network, pending = self.network, Pending()
        try:
            source = (self.local_for(destination), network.port())
        except OSError:
            return Pending.of(False)
        if network.filter is not None and not network.filter(b"", source, destination):
            network.loop.call_later(seconds, pending.resolve, True)
            return pending

        def arrived() -> None:
            pending.resolve(look_up(network.datagrams, (canonical(destination[0]), destination[1])) is not None)

        network.loop.call_later(network.travel() + network.travel(), arrived)
        return pending

    def local_for(self, destination: Address) -> str:
        """The first address here that is of the destination's family."""
        if not literal(destination[0]):
            raise not_literal(destination[0])
        for address in self.addresses:
            if version(address) == version(destination[0]):
                return address
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))

    def close(self) -> None:
        """Switch this host off: its ports are free, its connections lost."""
        for bound in self._mine:
            bound.close()
        self._mine.clear()
        for address in self.addresses:
            self.network.cut(address, "the host stops")

    def _keys(self, table: Mapping[Address, object], host: str, port: int) -> tuple[list[Address], Address]:
        """The addresses that a bind takes, or OSError like the kernel's."""
        if not literal(host):
            raise not_literal(host)
        host = canonical(host)
        port = port or self.network.port()
        if host in WILDCARDS and not self._anywhere:
            keys = [(address, port) for address in self.addresses if version(address) == WILDCARDS[host]]
        elif self._anywhere or host in self.addresses:
            keys = [(host, port)]
        else:
            keys = []
        if not keys:
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        if any(key in table for key in keys):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        return keys, (host, port)


class MemoryEndpoint:
    """A bound datagram socket of a host."""

    __slots__ = ("_host", "_keys", "closed", "local", "on_datagram", "on_refused")

    def __init__(self, host: Host, keys: list[Address], local: Address, on_datagram: OnDatagram) -> None:
        self.local = local
        self.on_datagram = on_datagram
        self.on_refused: OnUnheard | None = None
        self.closed = False
        self._host = host
        self._keys = keys

    def post(self, data: bytes, destination: Address, local: Address | None = None, refused: OnRefused | None = None) -> OSError | None:
        """Send one datagram: nothing is won here by sending several together, but who is refused is told later, as by real sockets."""
        error = self.send(data, destination, local)
        if error is None or refused is None:
            return error
        self._host.network.loop.call_soon(refused, error)
        return None

    def send(self, data: bytes, destination: Address, local: Address | None = None) -> OSError | None:
        """Send one datagram; what a kernel would refuse at once is returned."""
        host = self.local[0]
        try:
            if self.closed:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            if not literal(destination[0]):
                raise not_literal(destination[0])
            if version(host) != version(destination[0]):
                raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
            if len(data) > LARGEST:
                raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
            if not 0 < destination[1] < 65536:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            if host in WILDCARDS:
                host = local[0] if local else self._host.local_for(destination)
        except OSError as error:
            return error
        self._host.network.carry(bytes(data), (host, self.local[1]), (canonical(destination[0]), destination[1]))
        return None

    def drops(self) -> int:
        """Nothing is dropped for want of a buffer."""
        return 0

    def close(self) -> None:
        """Stop receiving and give the port back; what is under way finds nobody."""
        if not self.closed:
            self.closed = True
            for key in self._keys:
                del self._host.network.datagrams[key]


def look_up(table: Mapping[Address, Bound], destination: Address) -> Bound | None:
    """Find who is bound to an address: exactly, or with a wildcard."""
    return table.get(destination) or table.get(("::" if ":" in destination[0] else "0.0.0.0", destination[1]))  # noqa: S104


def version(host: str) -> int:
    """4 or 6."""
    return 6 if ":" in host else 4


@lru_cache(maxsize=4096)
def canonical(host: str) -> str:
    """One spelling for one address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    address, percent, interface = host.partition("%")
    return socket.inet_ntop(family, socket.inet_pton(family, address)) + percent + interface


def shown(address: Address) -> str:
    """An address as one writes it."""
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"
