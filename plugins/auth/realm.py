"""A domain as its realm challenges: which algorithms, in which order, and the text of the challenges, written once.

Rule: one challenge per algorithm, the preferred on top (RFC 8760 2.3), all with one nonce: what was used counts for all. The realm
follows from the request alone, never from whether the user exists, so that a challenge tells nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.sip.digest import ALGORITHMS, challenge_value, hash_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline import Flow, Request
    from pipeline.dal import Domain
    from pipeline.domains import Domains

HERE = "\x00"


class Realm:
    """One domain's realm."""

    __slots__ = ("_fresh", "_stale", "algorithms", "domain", "dummy", "name")

    def __init__(self, domain: Domain, qop: Iterable[str]) -> None:
        self.domain = domain
        self.name = domain.realm
        offered = [algorithm for algorithm in domain.algorithms if algorithm in ALGORITHMS]
        self.algorithms = frozenset(offered)
        self.dummy = {algorithm: hash_of(algorithm, "", self.name, "") for algorithm in ALGORITHMS}
        """Stands for the hash of who is not known: the same work is done for him."""
        self._fresh = [_pieces(self.name, algorithm, qop, stale=False) for algorithm in offered]
        self._stale = [_pieces(self.name, algorithm, qop, stale=True) for algorithm in offered]

    def challenges(self, nonce: str, *, stale: bool) -> list[tuple[str, str]]:
        """Return the header fields of a 401."""
        fields = []  # a loop: Python 3.11 makes a function for every list comprehension
        for before, after in self._stale if stale else self._fresh:
            fields.append(("WWW-Authenticate", before + nonce + after))
        return fields


def _pieces(realm: str, algorithm: str, qop: Iterable[str], *, stale: bool) -> tuple[str, str]:
    before, _, after = challenge_value(realm, HERE, algorithm, qop, stale=stale).partition(HERE)
    return before, after


def domain_of(domains: Domains, request: Request, flow: Flow) -> Domain:
    """Return the domain whose realm a request belongs to: a REGISTER's by where it is sent, another's by who sends it, else the first."""
    local = flow.local[0]
    if request.method == "REGISTER":
        found = (
            domains.named.get(request.uri.host)
            or domains.of(request.uri.host, local)
            or domains.of(request.to.uri.host, local)
            or domains.of(request.from_.uri.host, local)
        )
    else:
        found = domains.of(request.from_.uri.host, local) or domains.of(request.uri.host, local) or domains.of(request.to.uri.host, local)
    return found or domains.first
