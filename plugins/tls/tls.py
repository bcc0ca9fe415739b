"""SIP over TLS. Handshakes and certificate files stand in pipeline/tls, what it shares with tcp in pipeline/stream_transport.py.

Rule: an open connection is used again for a domain only when its certificate has proved that domain (RFC 5923 5, RFC 5922 7.5). One that a
peer has opened to us leads to the address it came from, and where its Via says `alias` and its certificate has proved a domain, to the port
that the peer listens at, for that domain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import hookimpl, option, plugin
from pipeline.bind import binds
from pipeline.tls.contexts import client, load
from pipeline.tls.names import domain_key
from pipeline.tls.transport import CERTIFICATES_HELP, SecureTransport, pairs

from .flow import TlsFlow

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline import Target
    from pipeline.config.checked import Checked
    from pipeline.network import Stream
    from pipeline.sources import Place
    from pipeline.stream_flow import StreamFlow


def some(instance: Any, attribute: attrs.Attribute[Any], value: list[dict[str, Any]]) -> None:
    """Validate `certificates`: at least one."""
    if not value:
        raise ValueError(f'{attribute.name} is empty: write certificates = [{{cert = "fullchain.pem", key = "privkey.pem"}}]')
    pairs(instance, attribute, value)


@plugin
class Tls(SecureTransport):
    """SIP over TLS."""

    after: ClassVar[tuple[str, ...]] = ("tcp",)
    default_port: ClassVar[int] = 5061

    bind: list[str] = option(
        factory=lambda: ["0.0.0.0:5061"],
        validator=binds,
        help='addresses to listen on, as "0.0.0.0:5061" or "[::]:5061"; IPv6 listeners take no IPv4',
    )
    certificates: list[dict[str, Any]] = option(validator=some, path=True, help=CERTIFICATES_HELP)
    ca: str = option(
        "", path=True, help='PEM file of the authorities that sign the certificates of servers we connect to; "" = those of the system'
    )
    verify_server: bool = option(
        True,
        help="whether a server that we connect to must prove by its certificate that it serves the domain that is called (RFC 5922);"
        " without that anybody on the way can be that server",
    )

    _client: Any = attrs.field(init=False, default=None)

    @property
    def via(self) -> str:
        """The transport as in a Via."""
        return "TLS"

    @hookimpl
    def check(self, file: Checked) -> None:
        """Read every file that is named."""
        super().check(file)
        self._check_ca(file, "ca", self.ca)
        if not self.verify_server:
            file.warning(("plugin", file.name, "verify_server"), "servers are not verified: anybody on the way can be them")

    def _prepare(self, folder: Path) -> None:
        self._client = client(self.min_version, self.ciphers, folder / self.ca if self.ca else None, verify=self.verify_server)
        load(self.pairs(folder)[0], self._client)  # for servers that ask who we are (RFC 5922 7.4)

    def _make(self, stream: Stream, source: Place | None) -> StreamFlow:
        return TlsFlow(self._open, self._engine, stream, source)

    def _is_for(self, flow: StreamFlow, target: Target) -> bool:
        return not target.name or not self.verify_server or domain_key(target.name) in flow.names

    def _connection_to(self, target: Target) -> StreamFlow | None:
        known = super()._connection_to(target)
        if known is None and target.name:
            return self._aliased((target.host, target.port, domain_key(target.name)))
        return known

    def _aliased(self, key: tuple[str, int, str]) -> StreamFlow | None:
        """Return the connection that is an alias of this; the peer may have opened it to a listener of another instance of ours.

        Not to one that has other authorities vouch for its clients: whom they certify has proved no domain to this one (RFC 5923 9.2).
        """
        for listing in self._engine.plan.stages["transport"]:
            plugin = listing.plugin
            if not (isinstance(plugin, Tls) and plugin.client_ca and plugin.client_ca in (self.client_ca, self.ca)):
                continue
            known: StreamFlow | None = plugin._open.aliases.get(key) if plugin._open is not None else None  # None: it is not started
            if known is not None and not known.closed:
                return known
        return None

    def alias(self, flow: TlsFlow, port: int) -> None:
        """Let requests for the domains of a peer go by the connection that he has opened, as if by one to his port (RFC 5923 8.2)."""
        if port != flow.alias_port and not flow.closed:
            self._unalias(flow)  # one port a connection: he could name as many as there are
            flow.alias_port = port
            self._open.aliases.update(dict.fromkeys(_aliases(flow), flow))

    def _unalias(self, flow: StreamFlow) -> None:
        aliases = self._open.aliases
        for key in _aliases(flow):
            if aliases.get(key) is flow:
                del aliases[key]

    def gone(self, flow: StreamFlow) -> None:
        """Forget a closed connection."""
        self._unalias(flow)
        super().gone(flow)

    def _connected(self, stream: Stream, target: Target, opened: Any) -> None:
        self._secure_to(stream, self._client, target, verify=self.verify_server, opened=opened)


def _aliases(flow: StreamFlow) -> list[tuple[str, int, str]]:
    """Return what a connection is an alias for: the address it came from, the port of its peer's Via, each domain proved."""
    port = getattr(flow, "alias_port", 0)
    return [(flow.peer[0], port, name) for name in flow.names if ":" not in name] if port else []
