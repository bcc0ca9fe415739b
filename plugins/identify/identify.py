"""Say whose request this is, for the steps behind: `passage.endpoint` and `passage.identified`. It proves nothing; `auth` does.

Rule: nobody is refused here. Who is not identified goes on with `identified = False`: `auth` challenges him exactly as it does those
who are, and without `auth` the application stage answers 403. An answer that must wait for a database is a Wait; a database that
fails is a 503, never "nobody". A From that names no user of ours (tel:, another domain, no user) is no error: it names nobody.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Malformed, Pending, Reply, Unavailable, Wait, hookimpl, option, plugin, settle
from pipeline.dialogs import by_its_own_way
from pipeline.pending import gather
from pipeline.sip.digest import FIELDS_READ, parse_credentials

from .names import Names
from .sources import Sources

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline import Passage, Request, Verdict
    from pipeline.dal import Domain, Endpoint
    from pipeline.domains import Domains
    from pipeline.engine import Pipeline

UNASKED = frozenset({"ACK", "CANCEL"})
SCHEMES = frozenset({"sip", "sips"})
WAYS = ("username", "auth_username", "certificate", "ip")
SOURCES = frozenset({"certificate", "ip"})
"""Ways by which nobody can call himself what he likes."""


def ways(_instance: Any, attribute: attrs.Attribute[Any], value: list[str]) -> None:
    """Validate `order`: some of the ways, each once."""
    for way in value:
        if way not in WAYS:
            raise ValueError(f"{attribute.name} holds {way!r}: the ways are {', '.join(WAYS)}")
        if value.count(way) > 1:
            raise ValueError(f"{attribute.name} holds {way!r} twice")
    if not value:
        raise ValueError(f"{attribute.name} is empty: nobody would ever be identified")


@plugin
class Identify:
    """Finds the endpoint of a request: by From, by Authorization user, by client certificate, by source address."""

    stage: ClassVar[str] = "intercept"
    after: ClassVar[tuple[str, ...]] = ("logging", "overload_control")
    needs: ClassVar[tuple[str, ...]] = ("endpoint",)

    order: list[str] = option(
        factory=lambda: list(WAYS),
        validator=ways,
        help='ways to find the endpoint, tried in this order: "username" by From, "auth_username" by the user of Authorization, '
        '"certificate" by the client certificate of the connection it came by, "ip" by source address',
    )
    anonymous: str = option(
        "",
        refers="endpoint",
        help="endpoint of requests that nobody fits; where `auth` is listed, only when their From claims no domain of ours; "
        '"" = they get no service',
    )

    _ways: tuple[tuple[str, Callable[[Request, Passage], Any]], ...] = attrs.field(init=False, default=())
    _engine: Any = attrs.field(init=False, default=None)
    _names: Any = attrs.field(init=False, default=None)
    _sources: Any = attrs.field(init=False, default=None)
    _domains: Any = attrs.field(init=False, default=None)
    _proved: bool = attrs.field(init=False, default=True)
    _by_name: bool = attrs.field(init=False, default=False)
    """Whether From is asked first: then who was found by it is remembered by its very text."""

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Take over what is remembered of names and sources."""
        self._proved = any(getattr(listing.plugin, "authenticates", False) for listing in engine.plan.stages["intercept"])
        self._engine = engine
        self._names, self._sources = engine.state(self, lambda: (Names(engine.dal), Sources(engine.dal, engine.tell)))
        self._names.forget()
        known = {
            "username": self._by_from,
            "auth_username": self._by_authorization,
            "certificate": self._by_certificate,
            "ip": self._by_source,
        }
        self._ways = tuple((way, known[way]) for way in self.order)
        self._by_name = self.order[0] == "username"

    @hookimpl
    def stop(self) -> None:
        """Follow the stores no more."""
        if self._names is not None:
            self._names.close()
            self._sources.close()

    @hookimpl
    def intercept(self, message: Request, passage: Passage) -> Verdict | None:
        """Find the endpoint of a request. ACK, CANCEL and responses belong to something that has one."""
        if not message.is_request or (message.method in UNASKED and (passage.dialog is None or message.method == "CANCEL")):
            return None
        if passage.dialog is not None:
            endpoint = getattr(passage.dialog, "endpoint", None)
            if endpoint is not None:
                passage.endpoint = endpoint
                passage.identified = True
                return None if endpoint.auth or by_its_own_way(passage.dialog, passage) else self._elsewhere(passage, endpoint)
            if message.method == "ACK":
                return None
        if self._by_name and self._domains is self._engine.domains:
            known = self._names.by_uri.get(message.from_.uri.text)
            if known is not None:
                passage.endpoint = known
                passage.identified = True
                return None
        passage.identified = False
        return self._try(message, passage, 0)

    def _try(self, message: Request, passage: Passage, begin: int) -> Verdict | None:
        """Try the ways from `begin` on."""
        try:
            for at in range(begin, len(self._ways)):
                way, look = self._ways[at]
                found = look(message, passage)
                if found is None:
                    continue
                if isinstance(found, Pending):
                    found = settle(found, partial(self._fitting, way))
                elif found.identify_by or not found.auth:
                    found = self._fitting(way, found)
                elif way == "username" and not at and message.from_.uri.host in self._engine.domains.named:  # not by our address alone
                    self._names.keep_uri(message.from_.uri.text, found)
                if isinstance(found, Pending):
                    return Wait(found, partial(self._answered, message, passage, at), because=f"order: {way}")
                if found is None:
                    continue
                passage.endpoint = found
                passage.identified = True
                return None
            return self._nobody(message, passage)
        except Unavailable as error:
            return Reply(503, headers=(("Retry-After", "5"),), because=f"identify: the endpoints cannot be read: {error}", stateless=True)

    def _answered(self, message: Request, passage: Passage, at: int, found: Endpoint | None) -> Verdict | None:
        if found is None:
            return self._try(message, passage, at + 1)
        passage.endpoint = found
        passage.identified = True
        return None

    def _fitting(self, way: str, found: Endpoint | None) -> Any:
        """Return the endpoint if it may be found this way.

        One that is asked for no credentials but has source addresses or certificates is known by these alone, unless `identify_by` says
        otherwise: anybody can write its name.
        """
        if found is None or way in found.identify_by:
            return found
        if found.identify_by:
            return None
        if found.auth or way in SOURCES:
            return found
        return settle(self._sources.has(found.id), lambda has: None if has else found)

    def _nobody(self, message: Request, passage: Passage) -> Verdict | None:
        """Nobody fits. Where names must be proved, who claims one of ours must prove it too: as `anonymous` he would be served, and the
        known names, which are challenged, could be told from the others.
        """
        if not self.anonymous:
            return None
        uri = message.from_.uri
        if self._proved and uri.user and self._engine.domain_of(uri.host, passage.flow) is not None:
            return None
        endpoint = self._names.named(self.anonymous)
        if isinstance(endpoint, Pending):
            return Wait(endpoint, partial(self._anonymous, passage), because="anonymous")
        return self._anonymous(passage, endpoint)

    @staticmethod
    def _anonymous(passage: Passage, endpoint: Endpoint | None) -> None:
        passage.endpoint = endpoint
        passage.identified = endpoint is not None

    # -- the ways: an Endpoint, None, or a Pending of it --------------------------------------------------------------

    def _by_from(self, message: Request, passage: Passage) -> Any:
        uri = message.from_.uri
        if not uri.user or uri.scheme not in SCHEMES:
            return None
        domains: Domains = self._engine.domains
        domain = domains.of(uri.host, passage.flow.local[0])
        if domain is None:
            return None
        if domains is not self._domains:  # other domains since a reload
            self._domains = domains
            self._names.forget()
        return self._names.caller(uri.user_unescaped if "%" in uri.user else uri.user, domain, first=domain is domains.first)

    def _by_authorization(self, message: Request, passage: Passage) -> Any:
        if message.get("authorization") is None:
            return None
        for value in message.all("authorization")[:FIELDS_READ]:
            try:
                credentials = parse_credentials(value)
            except Malformed:
                continue  # `auth` says what is wrong with it
            if credentials is None or not credentials.username:
                continue
            domain = self._of_realm(credentials.realm)
            if domain is not None:
                return self._names.holder(credentials.username, domain, first=domain is self._engine.domains.first)
        return None

    def _of_realm(self, realm: str) -> Domain | None:
        for domain in self._engine.domains.all:
            if domain.realm == realm:
                return domain  # type: ignore[no-any-return]
        return None

    def _elsewhere(self, passage: Passage, endpoint: Endpoint) -> Verdict | None:
        """Note whether a request of a dialog with an endpoint of several addresses comes from another one of these."""

        def known(found: list[str | None]) -> None:
            passage.sourced = endpoint.id in found

        names = passage.flow.names
        sources = self._sources
        found = settle(gather((sources.find(passage.flow.peer[0]), sources.certified(names) if names else None)), known)
        return Wait(found, lambda _: None, because="order: ip") if isinstance(found, Pending) else None

    def _by_source(self, message: Request, passage: Passage) -> Any:
        named = self._names.named
        return settle(self._sources.find(passage.flow.peer[0]), lambda ident: None if ident is None else named(ident))

    def _by_certificate(self, message: Request, passage: Passage) -> Any:
        names = passage.flow.names
        if not names:
            return None
        named = self._names.named
        return settle(self._sources.certified(names), lambda ident: None if ident is None else named(ident))
