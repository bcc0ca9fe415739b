"""Which domains we serve. Comparison ignores case, a trailing dot and the port; IPv6 literals compare by value.

Bound and advertised addresses, and the address a request came to, count as aliases of the first domain, so that the phone of
a newcomer who knows only the address registers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.sip.uri import host_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.dal import Domain
    from pipeline.sip.uri import Uri

REMEMBERED, REMEMBERED_LENGTH = 16384, 128
"""URIs whose address of record is remembered, and how long one may be: 4 MB at most."""
WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104


class Domains:
    """The domains of one configuration, by every name they answer to."""

    def __init__(self, domains: Iterable[Domain]) -> None:
        self.all = tuple(domains)
        self.first = self.all[0]
        self.named: dict[str, Domain] = {}
        """By every name they were given, as `of` compares names."""
        for domain in self.all:
            for name in (domain.id, *domain.aliases):
                self.named.setdefault(host_key(name), domain)
        self._bound: set[str] = set()
        self._aors: dict[str, str] = {}
        """URI as written -> address of record, of those whose domain does not hang on the address a request came to."""

    def bound(self, host: str) -> None:
        """Count an address on which we listen, or which we advertise, as an alias of the first domain."""
        if host not in WILDCARDS:
            self._bound.add(host)
            self._aors.clear()
            self.named.setdefault(host_key(host), self.first)

    def of(self, host: str, local: str = "") -> Domain | None:
        """Return the domain that `host` stands for in a request that came to our address `local`."""
        domain = self.named.get(host)
        if domain is None and (domain := self.named.get(host_key(host))) is None and local and host_key(host) == host_key(local):
            return self.first
        return domain

    def aor(self, uri: Uri, local: str = "") -> str | None:
        """Return the address of record "user@domain" of a sip or sips URI; None when its domain is not ours (RFC 3261 10.3)."""
        known = self._aors.get(uri.text)
        if known is not None:
            return known
        user = uri.user
        if user is None or uri.scheme not in ("sip", "sips"):
            return None
        domain = self.of(uri.host, local)
        if domain is None:
            return None
        aor = f"{uri.user_unescaped}@{domain.id}"
        if uri.host in self.named and len(uri.text) < REMEMBERED_LENGTH:
            if len(self._aors) >= REMEMBERED:
                self._aors.clear()
            self._aors[uri.text] = aor
        return aor

    def renew(self, domains: Iterable[Domain]) -> Domains:
        """Return the domains of another configuration, with the addresses that are bound now."""
        fresh = Domains(domains)
        for host in self._bound:
            fresh.bound(host)
        return fresh
