"""A stream within a stream: TLS over any Stream (network.py), real or in memory.

Rule: it is a Stream itself, and knows no socket: OpenSSL works on two memory buffers, and what comes out of one goes below. Bytes for the
owner come only after the handshake. A peer that says the end with close_notify has ended; who just stops talking has too, for every message
says how long it is, and a cut one is never taken for whole (RFC 8446 6.1).
"""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING

from pipeline.tls.names import names_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pipeline.flow import Address
    from pipeline.network import Stream

READ = 65536


class SecureStream:
    """One end of an encrypted connection; see network.Stream for what each name means."""

    __slots__ = (
        "__weakref__",
        "_below",
        "_in",
        "_kept",
        "_on_data",
        "_on_secure",
        "_out",
        "_peer_ended",
        "_tls",
        "closed",
        "local",
        "names",
        "on_closed",
        "on_end",
        "peer",
        "secured",
    )

    def __init__(
        self,
        below: Stream,
        context: ssl.SSLContext,
        on_secure: Callable[[SecureStream], object],
        *,
        server: bool = True,
        name: str | None = None,
    ) -> None:
        self.local: Address = below.local
        self.peer: Address = below.peer
        self.closed = ""
        self.on_closed: Callable[[str], object] | None = None
        self.on_end: Callable[[], object] | None = None
        self.secured = False
        """Whether the handshake has succeeded."""
        self.names: tuple[str, ...] = ()
        """What the peer's verified certificate says who he is; () without one."""
        self._on_data: Callable[[bytes], object] | None = None
        self._on_secure = on_secure
        self._below = below
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=server, server_hostname=name)
        self._peer_ended = False
        self._kept = False  # something has come while nobody read: octets, or the end
        below.on_closed = self._lost
        below.on_end = self._ended
        below.on_data = self._came
        if not server:
            self._shake()

    @property
    def version(self) -> str:
        """The protocol that was agreed: "TLSv1.3"."""
        return self._tls.version() or ""

    @property
    def cipher(self) -> str:
        """The cipher suite that was agreed."""
        cipher = self._tls.cipher()
        return cipher[0] if cipher else ""

    @property
    def certificate(self) -> dict[str, Any] | None:
        """The peer's certificate when it was verified, as the standard library gives it; None or empty otherwise."""
        return self._tls.getpeercert()

    @property
    def on_data(self) -> Callable[[bytes], object] | None:
        """Called with the bytes as they come. Reading begins when it is set and pauses while it is None."""
        return self._on_data

    @on_data.setter
    def on_data(self, fn: Callable[[bytes], object] | None) -> None:
        self._on_data = fn
        if self.secured and not self.closed:
            self._below.on_data = None if fn is None else self._came
            if fn is not None and self._kept:
                self._kept = False
                self._came(b"")

    @property
    def on_gone(self) -> Callable[[], object] | None:
        """Called once when nothing of the stream below is left."""
        return self._below.on_gone

    @on_gone.setter
    def on_gone(self, fn: Callable[[], object] | None) -> None:
        self._below.on_gone = fn

    @property
    def pending_bytes(self) -> int:
        """Bytes written that the kernel has not taken yet."""
        return self._below.pending_bytes

    def write(self, data: bytes) -> None:
        """Send; above the limit of the stream below the connection is reset."""
        if self.closed:
            raise ConnectionError(f"the connection to {self.peer[0]} is closed: {self.closed}")
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            self.reset(said(error))
            raise ConnectionError(self.closed) from error
        self._flush()

    def end(self) -> None:
        """Say that we shall write no more; TLS goes on reading only until the peer agrees, so this closes."""
        self.close("ended by us")

    def close(self, reason: str = "") -> None:
        """Send what waits, say close_notify, then close."""
        if self.closed:
            return
        self.closed = reason or "closed by us"
        self._goodbye()
        self._below.close(self.closed)

    def reset(self, reason: str = "") -> None:
        """Close at once; what waits is lost."""
        if not self.closed:
            self.closed = reason or "reset by us"
            if self._below.closed:  # before we were there to hear of it
                self._lost(self.closed)
            else:
                self._below.reset(self.closed)

    def give_up(self, reason: str = "") -> None:
        """Say close_notify as far as that goes at once, then close."""
        if not self.closed:
            self.closed = reason or "given up by us"
            self._goodbye()
        self._below.give_up(self.closed)

    def begin(self, data: bytes) -> None:
        """Take what came before we were there."""
        self._came(data)

    # -- from below --------------------------------------------------------------------------------------------------

    def _came(self, data: bytes) -> None:
        if self.closed:
            return
        self._in.write(data)
        if not self.secured:
            self._shake()
            if not self.secured or self.closed:
                return
        if self._on_data is None:
            self._kept = True
            return
        clear, end = self._read()
        if clear:
            self._on_data(clear)
            if self.closed:
                return
        self._flush()  # an answer of TLS itself, to a key update
        if end is None:
            return
        if isinstance(end, ssl.SSLZeroReturnError):
            if self._on_data is None:  # the owner has not done with what came before; OpenSSL says it again
                self._kept = True
            else:
                self._ended()
        else:
            self._broken(end)

    def _read(self) -> tuple[bytes, ssl.SSLError | None]:
        """Read all records that are whole, as one, for each time that the owner is called costs more than the record; and how it ends."""
        pieces = []
        try:
            while piece := self._tls.read(READ):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            end = None
        except ssl.SSLError as error:  # close_notify among them
            end = error
        else:
            end = ssl.SSLZeroReturnError()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces), end

    def _shake(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLError as error:
            self._broken(error)
            return
        self.secured = True
        self.names = names_of(self.certificate)
        self._flush()
        if not self.closed:
            self._on_secure(self)

    def _broken(self, error: ssl.SSLError) -> None:
        """Tell the peer (an alert, RFC 8446 6.2) and close."""
        if not self.closed:
            self.closed = said(error)
            self._flush()
            self._below.close(self.closed)

    def _flush(self) -> None:
        data = self._out.read()
        if data and not self._below.closed:
            self._below.write(data)

    def _goodbye(self) -> None:
        if self.secured:
            with contextlib.suppress(ssl.SSLError):  # the peer's own has not come: we do not wait for it
                self._tls.unwrap()
            self._flush()

    def _ended(self) -> None:
        if self._peer_ended or self.closed:
            return
        self._peer_ended = True
        if self.secured and self.on_end is not None:
            self.on_end()
        else:
            self.close("closed by the peer" if self.secured else "closed by the peer during the TLS handshake")

    def _lost(self, reason: str) -> None:
        self.closed = self.closed or reason
        if self.on_closed is not None:
            self.on_closed(self.closed)
        # They refer to us, or to the flow, which does. OpenSSL's 40 kB must not wait for the collector, who does not know of them.
        self._on_data = self.on_end = self.on_closed = None
        self._below.on_closed = None


def said(error: ssl.SSLError) -> str:
    """Say an error of OpenSSL in a few words: "tlsv1 alert unknown ca"."""
    verify = getattr(error, "verify_message", "")
    words = (error.reason or error.strerror or str(error)).replace("_", " ").lower()
    return f"TLS: {words}: {verify}" if verify else f"TLS: {words}"
