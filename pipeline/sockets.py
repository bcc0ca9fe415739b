"""The real network: opens sockets of the operating system for the transports. The other one is testing.Network.

Rule: nothing here waits. Binding fails at once, connecting and resolving answer with a Pending; names are resolved in a thread.
UDP is in datagrams.py, TCP in streams.py; the interface, and what each argument means, in network.py.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from pipeline.datagrams import SO_RCVBUFFORCE, SO_SNDBUFFORCE, Datagrams, bind, literal, not_literal
from pipeline.dns.system import System
from pipeline.network import BACKLOG, CONNECT_TIMEOUT, WRITE_LIMIT
from pipeline.pending import Pending
from pipeline.readers import Readers
from pipeline.sieve import attach
from pipeline.streams import Acceptor, Connection, phrase

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from pipeline.dns.system import Naming
    from pipeline.flow import Address
    from pipeline.network import OnDatagram, Stream


KNOCKING = 128
"""Sockets that may be open at a time to ask whether anybody is there; above that it is not asked."""


class Sockets:
    """Opens real sockets on a loop and closes them all at the end."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._bound: set[Any] = set()
        """Datagrams and Acceptors that are open."""
        self._system = System()
        self._connections: set[Connection] = set()
        self._readers = Readers(loop)
        self._connecting: dict[Pending, Callable[[OSError], None]] = {}
        self._knocking: dict[Pending, Callable[[], None]] = {}

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
    ) -> Datagrams:
        """Bind a UDP socket. No SO_REUSEADDR: a second server on the port must fail, not steal every other datagram."""
        sock = self._bind(host, port, socket.SOCK_DGRAM, v6only=v6only)
        _buffer(sock, socket.SO_RCVBUF, SO_RCVBUFFORCE, receive_buffer)
        _buffer(sock, socket.SO_SNDBUF, SO_SNDBUFFORCE, send_buffer)
        if sieve:
            attach(sock)
        endpoint = bind(self._loop, sock, on_datagram)
        self._bound.add(endpoint)
        endpoint.among = self._bound
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
    ) -> Acceptor:
        """Bind a TCP socket and accept. SO_REUSEADDR: a restart need not wait for the TIME_WAIT of old connections."""
        sock = self._bind(host, port, socket.SOCK_STREAM, v6only=v6only)
        try:
            sock.listen(backlog)
        except OSError:
            sock.close()
            raise
        acceptor = Acceptor(self._loop, sock, on_connection, write_limit, self._connections, self._readers)
        self._bound.add(acceptor)
        return acceptor

    def _bind(self, host: str, port: int, kind: socket.SocketKind, *, v6only: bool) -> socket.socket:
        family, _, _, _, name = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)[0]
        sock = socket.socket(family, kind)
        try:
            sock.setblocking(False)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
            if kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(name)
        except OSError:
            sock.close()
            raise
        return sock

    def connect(
        self, host: str, port: int, local: Address | None = None, timeout: float = CONNECT_TIMEOUT, *, write_limit: int = WRITE_LIMIT
    ) -> Pending:
        """Open a TCP connection: a Pending of a Stream; fails with OSError (TimeoutError after `timeout` seconds)."""
        if not literal(host):
            return Pending.failed(not_literal(host))
        pending = Pending()
        loop, where = self._loop, f"{host}:{port}" if ":" not in host else f"[{host}]:{port}"
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        late = TimeoutError(errno.ETIMEDOUT, f"connecting to {where}: no answer in {timeout:g} s")
        timer = loop.call_later(timeout, lambda: give_up(late))

        def give_up(error: OSError) -> None:
            timer.cancel()
            if self._connecting.pop(pending, None) is not None:
                loop.remove_writer(sock.fileno())
            sock.close()
            pending.fail(error)

        def connected() -> None:
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            try:
                if code:
                    raise OSError(code, os.strerror(code))
                loop.remove_writer(sock.fileno())
                connection = Connection(loop, sock, write_limit, self._connections, self._readers)
            except OSError as error:
                give_up(_said(error, where))
                return
            timer.cancel()
            del self._connecting[pending]
            pending.resolve(connection)

        try:
            sock.setblocking(False)
            if local is not None:
                if local[1]:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(local)
            code = sock.connect_ex((host, port))
            if code not in {0, errno.EINPROGRESS}:
                raise OSError(code, os.strerror(code))
        except (OSError, OverflowError) as error:
            give_up(_said(error, where))
            return pending
        self._connecting[pending] = give_up
        loop.add_writer(sock.fileno(), connected)
        return pending

    def resolve(self, host: str, family: int = 0) -> Pending:
        """Ask the system's resolver, in a thread: a Pending of a list. A literal is its own answer, at once."""
        if literal(host):
            return Pending.of([host])
        pending = Pending()

        def resolved(future: asyncio.Future[list[Any]]) -> None:
            if future.cancelled():
                pending.fail(OSError(errno.ECANCELED, f"resolving {host} was cancelled"))
            elif (error := future.exception()) is not None:
                pending.fail(error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, f"{host!r}: {error}"))
            else:
                pending.resolve(list(dict.fromkeys(name[0] for *_, name in future.result())))

        task = self._loop.create_task(self._loop.getaddrinfo(host, None, family=family, type=socket.SOCK_DGRAM))
        task.add_done_callback(resolved)
        return pending

    def naming(self) -> Naming:
        """Read /etc/resolv.conf and /etc/hosts, when they have changed."""
        return self._system.naming()

    def knock(self, destination: Address, seconds: float) -> Pending:
        """Send a keepalive from a connected UDP socket, which is the kind that the kernel tells of an ICMP error (RFC 1122 4.1.3.3)."""
        if len(self._knocking) >= KNOCKING or not literal(destination[0]):
            return Pending.of(True)
        pending = Pending()
        loop = self._loop
        sock = socket.socket(socket.AF_INET6 if ":" in destination[0] else socket.AF_INET, socket.SOCK_DGRAM)
        timer = loop.call_later(seconds, lambda: settle(there=True))

        def settle(*, there: bool) -> None:
            timer.cancel()
            if self._knocking.pop(pending, None) is not None:
                loop.remove_reader(sock.fileno())
            sock.close()
            pending.resolve(there)

        def readable() -> None:
            try:
                sock.recv(1)
            except BlockingIOError:
                return
            except OSError:
                settle(there=False)
            else:
                settle(there=True)

        try:
            sock.setblocking(False)
            sock.connect(destination)
            sock.send(b"\r\n\r\n")
        except (OSError, OverflowError):
            settle(there=False)
            return pending
        self._knocking[pending] = lambda: settle(there=True)
        loop.add_reader(sock.fileno(), readable)
        return pending

    def local_for(self, destination: Address) -> str:
        """Ask the kernel's routing table: connecting a UDP socket sends nothing and chooses the source address."""
        if not literal(destination[0]):
            raise not_literal(destination[0])
        with socket.socket(socket.AF_INET6 if ":" in destination[0] else socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((destination[0], destination[1] or 5060))
            return str(sock.getsockname()[0])

    def close(self) -> None:
        """Close everything, at once."""
        for bound in tuple(self._bound):
            bound.close()
        self._bound.clear()
        for connection in tuple(self._connections):
            connection.reset("the server stops")
        self._readers.close()
        for give_up in tuple(self._connecting.values()):
            give_up(OSError(errno.ECANCELED, "the server stops"))
        for leave in tuple(self._knocking.values()):
            leave()


def _buffer(sock: socket.socket, option: int, force: int, size: int) -> None:
    """Set a buffer's size; root may go above net.core.rmem_max, others get what that allows (Datagrams.buffers() tells)."""
    if not size:
        return
    sock.setsockopt(socket.SOL_SOCKET, option, size)
    if sys.platform == "linux":
        with contextlib.suppress(PermissionError):
            sock.setsockopt(socket.SOL_SOCKET, force, size)


def _said(error: OSError | OverflowError, where: str) -> OSError:
    """The error with the address in it; Python chooses the class (ConnectionRefusedError, ...) by the number."""
    if isinstance(error, OverflowError):
        return OSError(errno.EINVAL, f"connecting to {where}: {error}")
    return OSError(error.errno, f"connecting to {where}: {phrase(error)}")
