"""From a URI or a named target to addresses, step by step. RFC 3263 4.

Rule: `expand` takes one step (a URI to its services, a service to its hosts, a host to its addresses) and gives what stands in its place,
in the order in which to try it: the second host of a service is looked up only when the first has failed. The name that a server has to
prove (TLS) is the URI's, never what DNS made of it (RFC 5922 4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from pipeline.datagrams import literal
from pipeline.flow import Target
from pipeline.pending import Pending, gather, settle
from pipeline.sip.routing import SECURED, target_of

from .health import Health
from .order import SRV_NAMES, naptr_in_order, srv_in_order

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.clock import Clock
    from pipeline.flow import Address
    from pipeline.network import Network
    from pipeline.sip.uri import Uri

    from .records import Naptr, Srv
    from .resolver import Resolver

__all__ = ["Locator", "Service"]


@attrs.frozen(slots=True)
class Service:
    """A domain's service by one transport: its SRV records are still to be asked for."""

    srv: str
    """Where they stand, as "_sip._udp.example.com"."""
    transport: str
    name: str
    """The domain of the URI."""
    others: tuple[Service, ...] = ()
    """Services to be tried after this one."""
    plain: Target | None = None
    """The domain's host itself, for when neither this service nor any of the others has SRV records (RFC 3263 4.2)."""


MOST = 8
"""Services of a domain that are asked for: as many as addresses are tried for a message (client/seeking.py). There are five kinds."""
Step = "Uri | Service | Target"


class Locator:
    """Finds where a request can be sent."""

    def __init__(
        self,
        network: Network,
        clock: Clock,
        below: Callable[[int], int],
        listeners: Callable[[], list[tuple[str, str, Address]]],
    ) -> None:
        self._network = network
        self._clock = clock
        self._below = below
        self._listeners = listeners
        self._resolver: Resolver | None = None
        self._options: tuple[tuple[Address, ...], float] = ((), 5.0)
        self.health = Health(clock)

    # -- what it is told ---------------------------------------------------------------------------------------------

    def configure(self, servers: tuple[Address, ...], seconds: float, avoid: float) -> None:
        """Take the options: whom to ask ((): the machine's own), the time for one question, and how long the dead are tried last."""
        self.health.seconds = avoid
        if (servers, seconds) != self._options:
            self._options = (servers, seconds)
            if self._resolver is not None:
                self._resolver.servers, self._resolver.seconds = servers, seconds
                self._resolver.clear()

    @property
    def resolver(self) -> Resolver:
        """The resolver, made when the first name is met: importing the DNS library takes 80 ms."""
        if self._resolver is None:
            from .resolver import Resolver  # noqa: PLC0415

            made = self._resolver = Resolver(self._network, self._clock, self._below)
            made.servers, made.seconds = self._options
        return self._resolver

    def stats(self) -> dict[str, int]:
        """Return what `sipline show stats` shows."""
        found = self._resolver
        if found is None:
            return {"avoided": len(self.health)}
        asker = found.asker
        return {
            "cached": len(found),
            "hits": found.hits,
            "asked": asker.asked,
            "unanswered": asker.unanswered,
            "under_way": asker.under_way,
            "avoided": len(self.health),
        }

    # -- steps -------------------------------------------------------------------------------------------------------

    def expand(self, step: Any) -> list[Any] | Pending:
        """Return what stands in the place of a URI, a Service or a Target with a name, or a Pending of it, which fails with OSError.

        Raises Malformed when a URI names nobody to send to.
        """
        try:
            if isinstance(step, Target):
                return self._hosts(step)
            if isinstance(step, Service):
                found: list[Any] | Pending = settle(
                    _or_none(self.resolver.records(step.srv, "SRV")), lambda records: self._served(step, records)
                )
                return found
            return self._uri(step)
        except OSError as error:
            return Pending.failed(error)

    def _uri(self, uri: Uri) -> list[Any] | Pending:
        hop = target_of(uri)
        plain = Target(hop.host, hop.port, hop.transport, hop.host if hop.named else "")
        if not hop.named or uri.port:  # RFC 3263 4.1: a numeric address, or a port, says all but the transport
            return [plain]
        asked = (uri.params.get("transport") or "").upper()
        if asked:
            name = SRV_NAMES.get(hop.transport)
            return [plain] if name is None else self._services(hop.host, [hop.transport], plain)
        return settle(  # type: ignore[no-any-return]
            self._naptr(hop.host), lambda found: self._transports(hop.host, found, plain, secure=hop.sips)
        )

    def _naptr(self, domain: str) -> Any:
        """Ask for NAPTR records; where no name server knows such a kind, there are none."""
        return _or_none(self.resolver.records(domain, "NAPTR"))

    def _transports(self, domain: str, records: list[Naptr], plain: Target, *, secure: bool) -> list[Any] | Pending:
        ours = {transport for _, transport, _ in self._listeners()}
        found: list[Any] = []
        for transport, record in naptr_in_order(records, ours, secure=secure):
            if record.flags.lower() == "s":
                found.append(Service(record.replacement, transport, domain))
            else:
                found.append(Target(record.replacement, _default_port(transport), transport, domain))
        if found:
            if all(isinstance(each, Service) for each in found):
                first, *others = found[:MOST]
                itself = Target(domain, _default_port(first.transport), first.transport, domain)
                return [attrs.evolve(first, others=tuple(others), plain=itself)]
            return found
        known = [transport for transport in SRV_NAMES if transport in ours and (transport == "TLS" or not secure)]
        return self._services(domain, known or [plain.transport], plain)

    def _services(self, domain: str, transports: list[str], plain: Target) -> list[Any] | Pending:
        """Ask for SRV records by transport; where there are none at all, the host itself at the default port (RFC 3263 4.2)."""
        services = [Service(f"{SRV_NAMES[transport]}.{domain}", transport, domain) for transport in transports]

        def came(answers: list[list[Srv]]) -> list[Any]:
            found: list[Any] = []
            for service, records in zip(services, answers, strict=True):
                found += self._servers(service, records)
            return found if any(answers) else [plain]

        return settle(gather(_or_none(self.resolver.records(service.srv, "SRV")) for service in services), came)  # type: ignore[no-any-return]

    def _served(self, service: Service, records: list[Srv]) -> list[Any]:
        """Return what SRV records say, and the other services; without records the host itself is left, if the others have none either."""
        if records or service.plain is None:
            return [*self._servers(service, records), *service.others]
        if not service.others:
            return [service.plain]
        first, *others = service.others
        return [attrs.evolve(first, others=tuple(others), plain=service.plain)]

    def _servers(self, service: Service, records: list[Srv]) -> list[Any]:
        return [Target(each.target, each.port, service.transport, service.name) for each in srv_in_order(records, self._below)]

    def _hosts(self, target: Target) -> list[Any] | Pending:
        if literal(target.host):
            return [target]
        kinds = self._kinds(target.transport)
        name = target.name or target.host
        return settle(  # type: ignore[no-any-return]
            self.resolver.addresses(target.host, kinds),
            lambda found: [attrs.evolve(target, host=address, name=name) for address in self._reachable(found, target.port)],
        )

    def _kinds(self, transport: str) -> tuple[str, ...]:
        """Return the kinds of address that our listeners of a transport can reach; IPv6 first (RFC 6724 2.1)."""
        local = {":" in address[0] for _, each, address in self._listeners() if each == transport}
        if len(local) != 1:
            return ("AAAA", "A")
        return ("AAAA",) if True in local else ("A",)

    def _reachable(self, addresses: list[str], port: int) -> list[str]:
        """Leave out addresses to which no route leads, unless that leaves none."""
        found = []
        for address in addresses:
            try:
                self._network.local_for((address, port))
            except OSError:
                continue
            found.append(address)
        return found or addresses


def _default_port(transport: str) -> int:
    return 5061 if transport in SECURED.values() else 5060


def _or_none(value: Any) -> Any:
    """Return records, or none of them when no name server could tell: there may still be others that are enough (RFC 3263 4.1)."""
    if not isinstance(value, Pending):
        return value
    result = Pending()

    def ended(pending: Pending) -> None:
        try:
            found = pending.value()
        except OSError:
            found = []
        result.resolve(found)

    value.then(ended)
    return result.value() if result.done else result
