"""UDP sockets: the hottest code of the server. RFC 3261 18, RFC 3581 4 (an answer leaves from where the request came to).

Rule: one wake-up of the loop drains the socket (bounded), and under load a look now and then does it; what comes of it leaves together.
One datagram costs one system call each way and two Python calls: within a tenth of a bare blocking loop, where asyncio's DatagramProtocol
costs twice that and more (bench/udp.py). Under a wildcard bind recvmsg tells which of our addresses the datagram was sent to (IP_PKTINFO),
and sendmsg sets the one to answer from; that costs about a third more.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections import deque
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from pipeline.sip.remembered import remembered

if TYPE_CHECKING:
    import asyncio

    from pipeline.flow import Address
    from pipeline.network import OnDatagram, OnRefused, OnUnheard

DRAIN = range(64)
"""Datagrams per wake-up: at 50 us each the loop is held for 3 ms, then timers and streams have their turn."""
WAKES, BUSY = 32, 0.016
"""So many wake-ups within so many seconds (2,000 a second) and the socket is looked at every NAP seconds instead, until a look finds
less than two datagrams: what network drivers do under load (Linux's NAPI). A wake-up of the loop costs 10 us, as much as a third of a
REGISTER; a look in its turn reads all that has come."""
NAP = 0.001
"""Seconds; asyncio rounds it up to its next millisecond. A thousandth of what RFC 3261 takes for a round trip (T1, 0.5 s)."""
LARGEST = 65535
BUFFERS: WeakKeyDictionary[asyncio.AbstractEventLoop, memoryview] = WeakKeyDictionary()
"""What a loop's sockets receive into; each datagram is then copied at its own size. Received into memory of its own it would lie at the
begin of a hole of 64 kB, and what is kept for a while (the INVITE of a call) would tear the heap to pieces: after ten minutes of too many
calls the server took four times what it used."""
TOGETHER = 16
"""Messages that leave together at most, when a look has found several requests. Each that finds its receiver asleep costs us 5 us to wake
it, as much as all that we do to route it; of sixteen one behind the other only the first does. At 50 us each the first waits for 1 ms."""
LAST = TOGETHER - 1
WAITING = 1000
"""Datagrams that wait for a full send buffer. SIP over UDP retransmits, so what comes on top is dropped and counted."""
LOCALS = 4096
"""Local addresses remembered under a wildcard bind; more can come only from 127/8 or a routed network, and start afresh."""

# Linux's numbers; Python's socket module lacks some of them (IP_PKTINFO came with 3.14).
IP_PKTINFO = 8
SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_MEMINFO = 32, 33, 55
MEMINFO = struct.Struct("9I")
PKTINFO4 = struct.Struct("=i4s4s")
"""Interface, our address (the one to answer from), the address in the datagram's header: ip(7)."""
PKTINFO6 = struct.Struct("=16si")
"""Address and interface: RFC 3542 6."""


class Datagrams:
    """A UDP socket bound to one address; gives each datagram to `on_datagram(data, source, local)`."""

    __slots__ = (
        "_buffer",
        "_look",
        "_loop",
        "_on_datagram",
        "_posted",
        "_queue",
        "_reading",
        "_sendto",
        "_since",
        "_sock",
        "_wakes",
        "among",
        "closed",
        "errors",
        "full_since",
        "local",
        "on_refused",
        "unsent",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, on_datagram: OnDatagram) -> None:
        self.local: Address = host_port(sock.getsockname())
        self.closed = False
        self.among: set[Datagrams] | None = None
        """Those that are open, which this one leaves when it is closed: a call's media are gone with the call."""
        self.errors = 0
        """Errors reported on receiving (an ICMP message about something sent earlier): harmless, counted."""
        self.unsent = 0
        """Datagrams dropped because the send buffer and the queue behind it were full."""
        self.full_since = 0.0
        """Since when the socket has never been empty, on the loop's clock; 0.0: it was, when it was looked at last."""
        self._loop = loop
        buffer = BUFFERS.get(loop)
        if buffer is None:
            buffer = BUFFERS[loop] = memoryview(bytearray(LARGEST))
        self._buffer = buffer
        self._wakes = 0
        self._since = 0.0
        self._look: asyncio.Handle | None = None
        """While the socket is looked at instead of waking us."""
        self._sock = sock
        self._sendto = sock.sendto
        self._on_datagram = on_datagram
        self._queue: deque[tuple[bytes, Address, Address | None]] = deque()
        self._posted: list[tuple[bytes, Address, Address | None, OnRefused | None]] = []
        self._reading = False
        self.on_refused: OnUnheard | None = None
        """Told of what was posted with nobody to tell, or had to wait, and was refused when it left."""
        loop.add_reader(sock.fileno(), self._woken)

    def _woken(self) -> None:
        self._note(self._read())
        self._wakes += 1
        if self._wakes >= WAKES:
            now = self._loop.time()
            if now - self._since < BUSY and not self.closed:
                self._loop.remove_reader(self._sock.fileno())
                self._look = self._loop.call_later(NAP, self._looked)
            self._wakes, self._since = 0, now

    def _note(self, found: int) -> None:
        """Note whether the socket is empty after that."""
        if found < len(DRAIN):
            self.full_since = 0.0
        elif not self.full_since:
            self.full_since = self._loop.time()

    def _looked(self) -> None:
        if self.closed:
            return
        found = len(DRAIN)  # until it is known: whatever is raised, the next look comes
        try:
            found = self._read()
            self._note(found)
        finally:
            self._look_again(found)

    def _look_again(self, found: int) -> None:
        """Look again at once, in its turn, or when the kernel says so, by how much a look has found."""
        if self.closed:
            return
        if found >= len(DRAIN):  # there is more
            self._look = self._loop.call_soon(self._looked)
        elif found > 1:
            self._look = self._loop.call_later(NAP, self._looked)
        else:
            self._look = None
            self._since = self._loop.time()
            self._loop.add_reader(self._sock.fileno(), self._woken)

    def _read(self) -> int:
        """Take all that has come, or as much as may be taken in one go; what was posted meanwhile leaves."""
        self._reading = True
        try:
            return self._drain()
        finally:
            self._reading = False
            if self._posted:
                self._leave()

    def _drain(self) -> int:
        receive, buffer, on_datagram, local = self._sock.recvfrom_into, self._buffer, self._on_datagram, self.local
        for count in DRAIN:
            try:
                size, source = receive(buffer)
            except BlockingIOError:
                return count
            except OSError:
                if self.closed:  # by on_datagram
                    return 0
                self.errors += 1
                continue
            on_datagram(buffer[:size].tobytes(), source, local)
            if self._posted and count % TOGETHER == LAST:  # those that came of the first wait for no more than a few
                self._leave()
        return len(DRAIN)

    def post(self, data: bytes, destination: Address, local: Address | None = None, refused: OnRefused | None = None) -> OSError | None:
        """Send one datagram with the others that come of what is being read; what is refused then, `refused` or `on_refused` is told."""
        if not self._reading:
            return self.send(data, destination, local)
        posted = self._posted
        posted.append((data, destination, local, refused))
        if len(posted) >= TOGETHER:
            self._leave()
        return None

    def _leave(self) -> None:
        """Send what was posted. Who is refused is told in a turn of his own: what he does then may be anything."""
        posted, self._posted = self._posted, []
        send = self.send
        for data, destination, local, refused in posted:
            if (error := send(data, destination, local)) is not None:
                if refused is not None:
                    self._loop.call_soon(refused, error)
                elif self.on_refused is not None:
                    self._loop.call_soon(self.on_refused, destination, error, data, local)

    def send(self, data: bytes, destination: Address, local: Address | None = None) -> OSError | None:
        """Send one datagram. What the kernel refuses is returned, never raised: no peer may stop the server by where it is."""
        if self._posted:  # what was said before arrives before
            self._leave()
        if self._queue:
            return self._wait(data, destination, None)
        try:
            if not literal(destination[0]):
                return not_literal(destination[0])
            self._sendto(data, destination)
        except BlockingIOError:
            return self._wait(data, destination, None)
        except (OSError, OverflowError) as error:
            return refused(error)
        return None

    def _again(self, data: bytes, destination: Address, _local: Address | None) -> None:
        self._sendto(data, destination)

    def _wait(self, data: bytes, destination: Address, local: Address | None) -> OSError | None:
        """The send buffer is full: keep the datagram, in order, until the kernel has room."""
        if self.closed:
            return OSError(errno.EBADF, "the socket is closed")
        if len(self._queue) >= WAITING:
            self.unsent += 1
            return OSError(errno.ENOBUFS, f"{WAITING} datagrams wait already for the send buffer")
        if not self._queue:
            self._loop.add_writer(self._sock.fileno(), self._writable)
        self._queue.append((data, destination, local))
        return None

    def _writable(self) -> None:
        queue = self._queue
        for _ in DRAIN:
            if not queue:
                self._loop.remove_writer(self._sock.fileno())
                return
            try:
                self._again(*queue[0])
            except BlockingIOError:
                return
            except (OSError, OverflowError) as error:
                self.unsent += 1
                if self.on_refused is not None:
                    data, destination, local = queue[0]
                    self._loop.call_soon(self.on_refused, destination, refused(error), data, local)
            queue.popleft()

    def drops(self) -> int:
        """Datagrams that the kernel threw away because we did not read in time (the last column of /proc/net/udp)."""
        if self.closed or sys.platform != "linux":
            return 0
        return int(MEMINFO.unpack(self._sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, MEMINFO.size))[8])

    def buffers(self) -> tuple[int, int]:
        """The receive and send buffers that the kernel really gave, in bytes of its own accounting (about twice the payload)."""
        option = self._sock.getsockopt
        return option(socket.SOL_SOCKET, socket.SO_RCVBUF), option(socket.SOL_SOCKET, socket.SO_SNDBUF)

    def close(self) -> None:
        """Send what waits if it can go now; stop receiving; give the port back."""
        if self.closed:
            return
        if self._posted:
            self._leave()
        if self._queue:
            self._writable()
        self.closed = True
        if self.among is not None:
            self.among.discard(self)
        self.unsent += len(self._queue)
        self._queue.clear()
        if self._look is not None:
            self._look.cancel()
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()
        self._on_datagram, self.on_refused = unheard, None  # who hears holds us: neither is to wait for the collector


def unheard(_data: bytes, _source: Address, _local: Address) -> None:
    """Hear what a closed socket gives: nothing."""


class Datagrams6(Datagrams):
    """The same for IPv6, where the kernel names four parts of an address."""

    __slots__ = ()

    def _drain(self) -> int:
        receive, buffer, on_datagram, local = self._sock.recvfrom_into, self._buffer, self._on_datagram, self.local
        for count in DRAIN:
            try:
                size, source = receive(buffer)
            except BlockingIOError:
                return count
            except OSError:
                if self.closed:
                    return 0
                self.errors += 1
                continue
            on_datagram(buffer[:size].tobytes(), source[:2] if not source[3] else host_port(source), local)
            if self._posted and count % TOGETHER == LAST:
                self._leave()
        return len(DRAIN)


class WildcardDatagrams(Datagrams):
    """A UDP socket bound to all addresses of its family: each datagram comes with the local address it was sent to."""

    __slots__ = ("_arrived", "_leaving", "_six")

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, on_datagram: OnDatagram) -> None:
        self._six = sock.family == socket.AF_INET6
        if self._six:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        self._arrived: dict[bytes, Address] = {}  # what recvmsg said -> local address
        self._leaving: dict[str, list[tuple[int, int, bytes]]] = {}  # local host -> what to tell sendmsg
        super().__init__(loop, sock, on_datagram)

    def _drain(self) -> int:
        receive, buffer, on_datagram, arrived, six = self._sock.recvmsg_into, self._buffer, self._on_datagram, self._arrived, self._six
        into = (buffer,)
        for count in DRAIN:
            try:
                size, control, _flags, source = receive(into, 64)
            except BlockingIOError:
                return count
            except OSError:
                if self.closed:
                    return 0
                self.errors += 1
                continue
            information = control[0][2] if control else b""
            local = arrived.get(information) or self._arrived_at(information)
            if six:
                source = source[:2] if not source[3] else host_port(source)
            on_datagram(buffer[:size].tobytes(), source, local)
            if self._posted and count % TOGETHER == LAST:
                self._leave()
        return len(DRAIN)

    def _arrived_at(self, information: bytes) -> Address:
        if len(information) == PKTINFO4.size:
            host = socket.inet_ntop(socket.AF_INET, PKTINFO4.unpack(information)[1])
        elif len(information) == PKTINFO6.size:
            raw, interface = PKTINFO6.unpack(information)
            host = socket.inet_ntop(socket.AF_INET6, raw)
            if raw[0] == 0xFE and raw[1] & 0xC0 == 0x80:
                host = f"{host}%{interface}"
        else:
            return self.local
        if len(self._arrived) >= LOCALS:
            self._arrived.clear()
        local = self._arrived[information] = (host, self.local[1])
        return local

    def _leave_from(self, host: str) -> list[tuple[int, int, bytes]]:
        if self._six:
            address, _, interface = host.partition("%")
            data = PKTINFO6.pack(socket.inet_pton(socket.AF_INET6, address), int(interface or 0))
            control = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, data)]
        else:
            control = [(socket.IPPROTO_IP, IP_PKTINFO, PKTINFO4.pack(0, socket.inet_pton(socket.AF_INET, host), bytes(4)))]
        if len(self._leaving) >= LOCALS:
            self._leaving.clear()
        self._leaving[host] = control
        return control

    def send(self, data: bytes, destination: Address, local: Address | None = None) -> OSError | None:
        """Send one datagram from `local` (None: whatever the route gives); refusals are returned, never raised."""
        if self._posted:
            self._leave()
        if self._queue:
            return self._wait(data, destination, local)
        try:
            if not literal(destination[0]):
                return not_literal(destination[0])
            if local is None:
                self._sendto(data, destination)
            else:
                host = local[0]
                self._sock.sendmsg((data,), self._leaving.get(host) or self._leave_from(host), 0, destination)
        except BlockingIOError:
            return self._wait(data, destination, local)
        except (OSError, OverflowError) as error:
            return refused(error)
        return None

    def _again(self, data: bytes, destination: Address, local: Address | None) -> None:
        if local is None:
            self._sendto(data, destination)
        else:
            self._sock.sendmsg((data,), self._leave_from(local[0]), 0, destination)


def bind(loop: asyncio.AbstractEventLoop, sock: socket.socket, on_datagram: OnDatagram) -> Datagrams:
    """Wrap a bound, non-blocking socket in the class that serves its address with the fewest steps."""
    host = sock.getsockname()[0]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - it is the user who asked for it
        return WildcardDatagrams(loop, sock, on_datagram)
    if sock.family == socket.AF_INET6:
        return Datagrams6(loop, sock, on_datagram)
    return Datagrams(loop, sock, on_datagram)


@remembered(4096)
def literal(host: str) -> bool:
    """Tell whether `host` is an address. Anything else Python would resolve inside sendto, and the server would wait for the DNS."""
    address, percent, interface = host.partition("%")
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
        if percent and not interface.isdecimal():
            socket.if_nametoindex(interface)
    except (OSError, ValueError):
        return False
    return not percent or ":" in address


def not_literal(host: str) -> OSError:
    """Say what is wrong with a host name where an address is needed."""
    return socket.gaierror(socket.EAI_NONAME, f"{host!r} is not an address: resolve it first")


def refused(error: OSError | OverflowError) -> OSError:
    """Make an OSError of what a send raised: Python says OverflowError for a port above 65535, which a Via may claim."""
    return error if isinstance(error, OSError) else OSError(errno.EINVAL, str(error))


def host_port(name: tuple[str, int] | tuple[str, int, int, int]) -> Address:
    """Two parts of a socket name; a link-local address keeps its interface as "fe80::1%2"."""
    if len(name) == 4 and name[3] and "%" not in name[0]:
        return (f"{name[0]}%{name[3]}", name[1])
    return (name[0], name[1])
