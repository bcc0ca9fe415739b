"""What a transport may ask of the network it is given: the real one (sockets.Sockets) or the one in memory (testing.Network).

Rule: a transport opens sockets through `engine.network` and knows nothing of which one it has. Addresses are (host, port) of
literals without brackets; a link-local one carries its interface ("fe80::1%2"). Callbacks are plain functions, called
on the loop, never from within the call that caused them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from pipeline.flow import Address

if TYPE_CHECKING:
    from pipeline.dns.system import Naming
    from pipeline.pending import Pending

OnDatagram = Callable[[bytes, Address, Address], object]
"""on_datagram(data, source, local): `local` is the address that the datagram was sent to, also under a wildcard bind."""

OnRefused = Callable[[OSError], object]
"""on_refused(error): what was posted was refused when it left."""
OnUnheard = Callable[[Address, OSError, bytes, Address | None], object]
"""on_refused(destination, error, data, local): the same, told to the owner of the socket."""

CONNECT_TIMEOUT = 8.0
"""Seconds. Three SYNs of RFC 6298 (0, 1 and 3 s) and their answers; far below Timer B, so that failover has its turn."""
WRITE_LIMIT = 1 << 20
"""Bytes that may wait for a peer that does not read: sixteen SIP messages of the largest size that UDP could carry."""
BACKLOG = 1024
"""Connections the kernel may hold for us; it is cut to net.core.somaxconn."""


class Endpoint(Protocol):
    """A bound datagram socket."""

    local: Address
    on_refused: OnUnheard | None
    """Told of what was posted with nobody to tell, or had to wait, and was refused later."""

    def send(self, data: bytes, destination: Address, local: Address | None = None) -> OSError | None:
        """Send one datagram (from `local` under a wildcard bind); what the network refused at once is returned, not raised."""

    def post(self, data: bytes, destination: Address, local: Address | None = None, refused: OnRefused | None = None) -> OSError | None:
        """The same for what may leave with others a moment later, yet never behind what is sent or posted after it."""

    def drops(self) -> int:
        """Datagrams that arrived and were thrown away because we did not read in time."""

    def close(self) -> None:
        """Stop receiving and give the port back."""


class Stream(Protocol):
    """One connection. Bytes are read as soon as `on_data` is set, so set `on_closed` (and `on_end`) before."""

    local: Address
    peer: Address
    on_data: Callable[[bytes], object] | None
    on_closed: Callable[[str], object] | None
    """Called once with the reason, whoever closed."""
    on_end: Callable[[], object] | None
    """The peer has said all it will say, but may still read. Without one, the stream is then closed."""
    on_gone: Callable[[], object] | None
    """Called once when nothing of a closed stream is left: what waited has gone out, and the peer has ended too, or both were given up."""
    closed: str
    """The reason, once closed; "" before."""

    @property
    def pending_bytes(self) -> int:
        """Bytes written that the kernel has not taken yet."""

    def write(self, data: bytes) -> None:
        """Send; more than the limit waiting closes the stream. Raises ConnectionError when it is closed."""

    def end(self) -> None:
        """Say that we shall write no more; reading goes on."""

    def close(self, reason: str = "") -> None:
        """Send what is waiting, then close."""

    def reset(self, reason: str = "") -> None:
        """Close at once, and forget what is waiting."""

    def give_up(self, reason: str = "") -> None:
        """Close at once, for another's sake: what can be said without waiting is said. Also when it is closed and waits for its end."""


class Listener(Protocol):
    """A bound stream socket."""

    local: Address

    def close(self) -> None:
        """Accept no more; connections made stay."""


class Network(Protocol):
    """Opens sockets."""

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
    ) -> Endpoint:
        """Bind; port 0 asks for any. Buffers in bytes, 0 for the system's. Raises OSError as bind does."""

    def listen(
        self,
        host: str,
        port: int,
        on_connection: Callable[[Stream], object],
        *,
        v6only: bool = True,
        backlog: int = BACKLOG,
        write_limit: int = WRITE_LIMIT,
    ) -> Listener:
        """Bind and accept. Raises OSError as bind does."""

    def connect(
        self, host: str, port: int, local: Address | None = None, timeout: float = CONNECT_TIMEOUT, *, write_limit: int = WRITE_LIMIT
    ) -> Pending:
        """Open a connection to a literal address, from `local` if given (port 0: any). A Pending of a Stream; fails with OSError."""

    def resolve(self, host: str, family: int = 0) -> Pending:
        """A Pending of the list of a host name's addresses, in the order in which to try them; fails with OSError."""

    def naming(self) -> Naming:
        """Return whom to ask for names, and which are known without asking."""

    def knock(self, destination: Address, seconds: float) -> Pending:
        """Ask whether anybody receives datagrams there: a Pending of False when the network says that nobody does (ICMP), else of True.

        A keepalive (RFC 5626 3.5.1's double CRLF) is sent for it from a port of its own, so that what the network says about one peer
        troubles no other; silence for `seconds` means True.
        """

    def local_for(self, destination: Address) -> str:
        """The local address from which the route to `destination` leaves. Raises OSError when there is none."""

    def close(self) -> None:
        """Close everything that was opened here."""
