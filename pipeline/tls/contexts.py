"""From certificate files to OpenSSL contexts: which certificate who gets (SNI, RFC 6066 3), and what is wrong with a file.

Rule: made anew at each start and reload, so new handshakes get what the files hold then, while connections keep what they began with. Never
below TLS 1.2 (RFC 8996), no compression, no renegotiation.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import attrs

from pipeline.tls.names import domain_key
from pipeline.tls.x509 import Facts, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

__all__ = ["CLIENTS", "KEYS", "VERSIONS", "Contexts", "FileFault", "Pair", "client", "load", "server", "trusting"]

KEYS = ("cert", "key", "names")
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
CLIENTS = {"off": ssl.CERT_NONE, "ask": ssl.CERT_OPTIONAL, "require": ssl.CERT_REQUIRED}


class FileFault(Exception):  # noqa: N818 (it is a mistake of a file, told with its place)
    """What is wrong with a file: `key` is the option that names it."""

    def __init__(self, key: str, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.key, self.text, self.hint = key, text, hint


@attrs.frozen
class Pair:
    """One entry of `certificates`, with its files."""

    cert: Path
    key: Path
    names: tuple[str, ...] = ()
    """Whom it is shown to; () = those that it is for."""

    @classmethod
    def of(cls, table: dict[str, Any], folder: Path) -> Pair:
        """Read one table of the option; a relative path starts from `folder`. A key may stand in the certificate's file."""
        cert = folder / table["cert"]
        return cls(cert, folder / table["key"] if table.get("key") else cert, tuple(domain_key(name) for name in table.get("names", ())))


def load(pair: Pair, context: ssl.SSLContext) -> Facts:
    """Load certificate and key into a context. Raises FileFault."""
    for key, path in (("cert", pair.cert), ("key", pair.key)):
        _readable(key, path)
    try:
        facts = read(pair.cert.read_text(errors="replace"))
    except ValueError as error:
        raise FileFault("cert", f"{pair.cert}: {error}", "write a PEM file: the certificate, then those that signed it") from None
    try:
        context.load_cert_chain(pair.cert, pair.key, password=_no_password)
    except _EncryptedError:
        raise FileFault("key", f"{pair.key}: the key is encrypted", f"openssl pkey -in {pair.key.name} -out plain.pem") from None
    except ssl.SSLError as error:
        reason = error.reason or ""
        if "MISMATCH" in reason:
            raise FileFault("key", f"{pair.key}: the key does not belong to the certificate {pair.cert.name}") from None
        if "TOO_SMALL" in reason or "TOO_WEAK" in reason:
            text = f"{pair.cert}: {reason.replace('_', ' ').lower()}"
            raise FileFault("cert", text, "OpenSSL refuses what can be broken: make a new one") from None
        raise FileFault("key", f"{pair.key}: there is no key in it that can be read", "write a PEM file with the private key") from None
    return facts


def _readable(key: str, path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise FileFault(key, f"{path}: {(error.strerror or 'cannot be read').lower()}") from None


class _EncryptedError(Exception):
    pass


def _no_password() -> str:
    raise _EncryptedError


def trusting(context: ssl.SSLContext, key: str, path: Path | None) -> None:
    """Have a context trust the authorities of a PEM file (None: those of the system). Raises FileFault."""
    if path is None:
        context.load_default_certs()
        return
    _readable(key, path)
    try:
        context.load_verify_locations(cafile=str(path))
    except (ssl.SSLError, OSError):
        raise FileFault(key, f"{path}: there is no certificate in it", "write a PEM file with the certificates of authorities") from None


def ciphers(context: ssl.SSLContext, text: str) -> None:
    """Set the cipher suites of TLS 1.2, in OpenSSL's words. Raises ValueError."""
    if text:
        try:
            context.set_ciphers(text)
        except ssl.SSLError:
            raise ValueError(f"ciphers: OpenSSL knows none of {text!r}") from None


class Contexts:
    """The contexts of one reading of the files."""

    __slots__ = ("_by_name", "facts", "first")

    def __init__(self, pairs: Iterable[Pair], make: Callable[[], ssl.SSLContext]) -> None:
        self._by_name: dict[str, ssl.SSLContext] = {}
        self.facts: list[tuple[Pair, Facts]] = []
        self.first: ssl.SSLContext | None = None
        """For who names nobody, or nobody we know: an old phone that knows only our address."""
        for pair in pairs:
            context = make()
            facts = load(pair, context)
            self.facts.append((pair, facts))
            for name in pair.names or facts.names:
                self._by_name.setdefault(name, context)
            if self.first is None:
                self.first = context
        if self.first is not None:
            self.first.sni_callback = self._asked

    def named(self, name: str) -> ssl.SSLContext | None:
        """Return the context of the certificate that is for a name, also by its wildcard; None: there is none."""
        name = domain_key(name)
        return self._by_name.get(name) or self._by_name.get("*." + name.partition(".")[2])

    def _asked(self, tls: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        chosen = self.named(name) if name else None
        if chosen is not None:
            tls.context = chosen


def server(version: str, cipher_suites: str, clients: str, ca: Path | None) -> ssl.SSLContext:
    """Make the context of a listener, without a certificate yet. Raises FileFault, ValueError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _settle(context, version, cipher_suites)
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    context.verify_mode = CLIENTS[clients]
    if clients != "off":
        trusting(context, "client_ca", ca)
    return context


def client(version: str, cipher_suites: str, ca: Path | None, *, verify: bool = True) -> ssl.SSLContext:
    """Make the context of connections that we open. Whose certificate it must be is checked after the handshake: RFC 5922 is stricter."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _settle(context, version, cipher_suites)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if verify:
        trusting(context, "ca", ca)
    return context


def _settle(context: ssl.SSLContext, version: str, cipher_suites: str) -> None:
    context.minimum_version = VERSIONS[version]
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    ciphers(context, cipher_suites)
