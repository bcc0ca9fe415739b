"""A transport of encrypted connections: its options, its handshakes, and what `check` says of its files. What tls and websocket share.

Rule: a connection becomes a flow when its handshake has succeeded; until then it counts against its source. Of `handshake_seconds` there is
one for all that comes before the first message: it runs from the moment at which the connection is taken.
Where we connect, the certificate must be for the domain that was asked for (RFC 5922 7.3), or the connection is closed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import attrs

from pipeline.clock import Deadlines
from pipeline.hookspecs import hookimpl
from pipeline.option import option, plugin
from pipeline.stream_transport import StreamTransport
from pipeline.tls.contexts import CLIENTS, KEYS, VERSIONS, Contexts, FileFault, Pair, ciphers, load, server, trusting
from pipeline.tls.hello import Hello
from pipeline.tls.names import covers
from pipeline.tls.stream import SecureStream

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from pipeline.config.checked import Checked
    from pipeline.engine import Pipeline
    from pipeline.flow import Target
    from pipeline.network import Stream
    from pipeline.sources import Place

DAY = 86400
SOON = 14 * DAY


def pairs(_instance: Any, attribute: attrs.Attribute[Any], value: list[dict[str, Any]]) -> None:
    """Validate `certificates`: tables with the keys that a Pair has."""
    for table in value:
        for key in table:
            if key not in KEYS:
                raise ValueError(f"{attribute.name}: a certificate has no key {key!r}: its keys are {', '.join(KEYS)}")
        if not isinstance(table.get("cert"), str) or not table["cert"]:
            raise ValueError(f'{attribute.name}: each needs cert, as {{cert = "fullchain.pem", key = "privkey.pem"}}')
        if not isinstance(table.get("key", ""), str):
            raise ValueError(f"{attribute.name}: key is the path of a file")  # noqa: TRY004  # what validators raise
        names = table.get("names", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f'{attribute.name}: names is a list, as ["sip.example.com"]')


def suites(_instance: Any, _attribute: attrs.Attribute[Any], value: str) -> None:
    """Validate `ciphers`."""
    import ssl  # noqa: PLC0415

    ciphers(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), value)


CERTIFICATES_HELP = (
    'PEM files, each certificate as {cert = "fullchain.pem", key = "privkey.pem", names = ["sip.example.com"]}, paths from this folder; who'
    " asks for a name (SNI) gets the one for it, all others the first; without `names` those that the certificate itself says; without"
    " `key` the key stands in the certificate's file"
)


@plugin
class SecureTransport(StreamTransport):
    """What every transport over TLS can be told."""

    certificates: list[dict[str, Any]] = option(factory=list, path=True, validator=pairs, help=CERTIFICATES_HELP)
    min_version: str = option("1.2", validator=attrs.validators.in_(tuple(VERSIONS)), help="lowest version of TLS spoken (RFC 8996)")
    ciphers: str = option(
        "",
        validator=suites,
        help='cipher suites of TLS 1.2 in OpenSSL\'s words, as "ECDHE+AESGCM:ECDHE+CHACHA20"; "" = those that Python holds for secure',
    )
    client_certificates: str = option(
        "off",
        validator=attrs.validators.in_(tuple(CLIENTS)),
        help='whether clients show a certificate: "off", "ask" (a wrong one is refused, none is not), "require"; what it proves is known to'
        " `identify`, and over `tls` our requests for its domain go by the same connection where its Via says alias (RFC 5923)",
    )
    client_ca: str = option(
        "", path=True, help="PEM file of the authorities that sign clients' certificates; needed where these are asked for"
    )
    handshake_seconds: float = option(
        8.0,
        unit="s",
        validator=attrs.validators.gt(0),
        help="ClientHello, TLS and the request for a WebSocket must all be done within this time (as connecting must)",
    )

    _contexts: Any = attrs.field(init=False, default=None)
    _handshakes: Any = attrs.field(init=False, default=None)

    # -- files -------------------------------------------------------------------------------------------------------

    def pairs(self, folder: Path) -> list[Pair]:
        """Return the certificates with their files."""
        return [Pair.of(table, folder) for table in self.certificates]

    def _server(self, folder: Path) -> ssl.SSLContext:
        return server(self.min_version, self.ciphers, self.client_certificates, folder / self.client_ca if self.client_ca else None)

    @hookimpl
    def check(self, file: Checked) -> None:
        """Read every file that is named."""
        keys = ("plugin", file.name)
        for at, pair in enumerate(self.pairs(file.folder)):
            file.reads(pair.cert)
            file.reads(pair.key)
            try:
                facts = load(pair, server("1.2", "", "off", None))
            except FileFault as fault:
                where = fault.key if fault.key in self.certificates[at] else "cert"
                file.error((*keys, "certificates", at, where), fault.text, fault.hint)
                continue
            now = time.time()
            if facts.ends < now:
                file.warning((*keys, "certificates", at, "cert"), f"{pair.cert}: it expired {_day(facts.ends)}")
            elif facts.ends < now + SOON:
                file.warning((*keys, "certificates", at, "cert"), f"{pair.cert}: it expires {_day(facts.ends)}")
            elif facts.begins > now:
                file.warning((*keys, "certificates", at, "cert"), f"{pair.cert}: it is not valid before {_day(facts.begins)}")
            self._known(file, (*keys, "certificates", at, "names"), pair, facts.names)
        if self.client_certificates != "off" and not self.client_ca:
            text = f"client_certificates = \"{self.client_certificates}\" needs 'client_ca'"
            file.error((*keys, "client_certificates"), text, 'write client_ca = "ca.pem": the authorities that sign them')
        self._check_ca(file, "client_ca", self.client_ca)

    @staticmethod
    def _known(file: Checked, keys: tuple[str | int, ...], pair: Pair, names: tuple[str, ...]) -> None:
        for position, name in enumerate(pair.names):
            if name not in names and "*." + name.partition(".")[2] not in names:
                file.warning((*keys, position), f"{pair.cert} is not for {name}: who asks for that name will refuse it")

    @staticmethod
    def _check_ca(file: Checked, key: str, value: str) -> None:
        if not value:
            return
        import ssl  # noqa: PLC0415

        file.reads(file.folder / value)
        try:
            trusting(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), key, file.folder / value)
        except FileFault as fault:
            file.error(("plugin", file.name, key), fault.text, fault.hint)

    # -- handshakes --------------------------------------------------------------------------------------------------

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Read the certificates; take over the connections that are open."""
        folder = engine.plan.document.folder
        try:
            self._contexts = Contexts(self.pairs(folder), lambda: self._server(folder))
            self._prepare(folder)
        except FileFault as fault:
            raise ValueError(str(fault)) from None
        if self._handshakes is None:  # else it is started again, after a reload that failed: what has begun goes on
            self._handshakes = Deadlines(engine.clock, self.handshake_seconds, self._late, grain=0.25)
        super().start(engine)

    def _prepare(self, folder: Path) -> None:
        """Make what else is needed of the files."""

    def _accepted(self, stream: Stream, source: Place) -> None:
        self._handshakes.add(source)
        context = self._contexts.first
        if context is None:
            super()._accepted(stream, source)
            return
        Handshake(self, context, stream, source)

    def _admitted(self, stream: Stream, source: Place) -> None:
        self._shaken(source)
        super()._admitted(stream, source)

    def _shaken(self, source: Place) -> None:
        """Note that nothing is left to be done before the first message."""
        source.shaking = None
        self._handshakes.discard(source)

    def _unshaken(self, secure: Stream, source: Place | None, reason: str) -> None:
        """Note a connection whose handshake did not succeed."""
        if source is not None:
            source.goodbye = source.shaking = None
        self._ended()
        self._open.failed += 1
        self._engine.tell("flow.refused", transport=self.via, peer=secure.peer, reason=reason)

    def _late(self, late: Place | SecureStream) -> None:
        shaking = late if isinstance(late, SecureStream) else late.shaking
        if shaking is not None:  # else it was done in another reading of the file
            self._cut(shaking)

    def _cut(self, shaking: Any) -> None:
        """End a connection whose handshake takes too long, and say what it waited for."""
        if isinstance(shaking, Hello):
            if not shaking.stream.closed:
                shaking.stream.reset(f"handshake_seconds: no ClientHello within {self.handshake_seconds:g} s")
        elif not shaking.closed:
            shaking.reset(f"handshake_seconds: no TLS handshake within {self.handshake_seconds:g} s")

    def _secure_to(self, stream: Stream, context: ssl.SSLContext, target: Target, *, verify: bool, opened: Any) -> None:
        """Shake hands with a server that we have connected to, and see that it is the one that was meant."""
        handshakes = self._handshakes

        def secured(secure: SecureStream) -> None:
            handshakes.discard(secure)
            if verify and not covers(secure.certificate, target.name, target.host):
                secure.close(f"the certificate of {target} is not for {target.name or target.host} (RFC 5922 7.3)")
                return
            owner: Any = self._open.owner
            opened(owner._flow(secure, None), None)

        def failed(reason: str) -> None:
            handshakes.discard(secure)
            self._unshaken(secure, None, reason)
            opened(None, ConnectionError(f"{target}: {reason}"))

        secure = SecureStream(stream, context, secured, server=False, name=target.name or None)
        secure.on_closed = failed
        handshakes.add(secure)

    def stats(self) -> dict[str, int]:
        """Return the counters that `sipline show stats` shows."""
        return {**super().stats(), "handshakes_failed": self._open.failed}


class Handshake:
    """A connection that was accepted, until it is secure, or closed. One object: a thousand of them are what a flood leaves us with."""

    __slots__ = ("_at", "_context", "_handshakes", "_open", "_source")

    def __init__(self, transport: SecureTransport, context: ssl.SSLContext, stream: Stream, source: Place) -> None:
        self._open = transport._open
        self._handshakes = transport._handshakes  # of this reading of the file: where another takes over, the time that was given goes on
        self._context = context
        self._at: Any = stream
        self._source = source
        source.shaking = Hello(stream, self.heard)
        stream.on_closed = self.failed

    def heard(self, data: bytes) -> None:
        """Begin TLS: the ClientHello is whole."""
        secure = SecureStream(self._at, self._open.owner._contexts.first or self._context, self.secured)
        secure.on_closed = self.failed
        self._at = secure
        self._source.goodbye = self._source.shaking = secure  # and no longer what holds this: none is to wait for the collector
        secure.begin(data)

    def secured(self, secure: SecureStream) -> None:
        """Hand the connection on."""
        self._at = None
        self._open.owner._admitted(secure, self._source)

    def failed(self, reason: str) -> None:
        """Note that the connection has closed."""
        at, self._at = self._at, None
        self._handshakes.discard(self._source)
        self._open.owner._unshaken(at, self._source, reason)


def _day(when: float) -> str:
    return time.strftime("on %d %B %Y", time.gmtime(when))
