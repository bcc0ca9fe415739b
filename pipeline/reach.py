"""Which way leads to a contact, and whether anybody answered there lately. RFC 3261 10, RFC 3327 5.3, RFC 5626 5.3.

Rule: where a contact's `reach` says where requests really go, they go there and nowhere else. What is known of who answers is kept here for
all applications; who asks (the plugin `qualify`) is none of theirs.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

import attrs

from pipeline.flow import Target
from pipeline.pending import Pending

if TYPE_CHECKING:
    from pipeline.dal import Contact
    from pipeline.engine import Pipeline
    from pipeline.flow import Flow
    from pipeline.sip.uri import Uri

__all__ = ["AVAIL", "CREATED", "NON_QUAL", "STREAM", "UNAVAIL", "Asked", "Reachability", "static_key", "way_by", "way_of", "ways_to_gruu"]

STREAM = "flow:"
"""How the id of a connection begins."""
REACH = re.compile(r"([a-z]+):(\[[^\]]*\]|[^:\[\]]*):([0-9]{1,5})")
CREATED, AVAIL, UNAVAIL, NON_QUAL = "Created", "Avail", "Unavail", "NonQual"
"""As Asterisk names them: not asked yet, answered, did not answer, not asked at all."""


@attrs.frozen(slots=True)
class Asked:
    """What asking a contact came to."""

    state: str
    rtt: float | None = None
    """Seconds from the question to the answer."""
    at: float = 0.0
    """When, UTC seconds."""


UNASKED = Asked(NON_QUAL)


class Reachability:
    """Who answered: by the id of a contact, or "AOR URI" of a static one."""

    __slots__ = ("_asked", "unreachable")

    def __init__(self) -> None:
        self._asked: dict[str, Asked] = {}
        self.unreachable: set[str] = set()
        """Those that did not answer: nobody is called there."""

    def __len__(self) -> int:
        return len(self._asked)

    def of(self, ident: str) -> Asked:
        """Return what is known of a contact."""
        return self._asked.get(ident, UNASKED)

    def note(self, ident: str, asked: Asked) -> None:
        """Keep what asking a contact came to."""
        self._asked[ident] = asked
        if asked.state == UNAVAIL:
            self.unreachable.add(ident)
        else:
            self.unreachable.discard(ident)

    def forget(self, ident: str) -> None:
        """Know nothing of a contact any more."""
        self._asked.pop(ident, None)
        self.unreachable.discard(ident)


def static_key(aor: str, uri: str) -> str:
    """Return what names a static contact in a Reachability."""
    return f"{aor} {uri}"


def way_of(engine: Pipeline, contact: Contact) -> Flow | Target | None:
    """Return where requests to a contact really go; None: where its URI says. Raises ConnectionError when there is no way any more."""
    return way_by(engine, contact.reach, contact.listener) if contact.reach else None


def way_by(engine: Pipeline, reach: str, listener: str) -> Flow | Target:
    """Return the way that the id of a flow names; `listener` is whose it was. Raises ConnectionError when there is none any more."""
    if reach.startswith(STREAM):
        stream = engine.flows.get(reach)
        if stream is None or stream.closed:
            raise ConnectionError(f"{reach} is closed")
        return stream
    form = REACH.fullmatch(reach)
    if form is None:
        raise ConnectionError(f"{reach} names no way")
    transport, host, port = form.groups()
    target = Target(host.strip("[]"), int(port), transport.upper(), only=True)
    return _by_listener(engine, listener, target) or target


def ways_to_gruu(engine: Pipeline, uri: Uri) -> list[Flow | Target | str] | None:
    """Return the ways to the phone whose GRUU a URI is, the latest first, as far as they are known at once; None: it is no GRUU of ours.

    For requests to a peer that has given its GRUU as Contact: our own domain is no way to it (RFC 5627 4.4, 6.1).
    """
    if "gr" not in uri.params or (domain := engine.domain_of(uri.host)) is None:
        return None
    gruu = engine.gruus.read(uri, domain.id)
    stored = engine.dal.owned("contact", f"{gruu.user}@{domain.id}") if gruu is not None and "contact" in engine.dal.mapping else ()
    if gruu is None or isinstance(stored, Pending):
        return []
    now, found = engine.clock.time(), []
    for contact in sorted(stored, key=lambda contact: -contact.expires_at):
        if contact.expires_at > now and gruu.fits(contact):
            with suppress(ConnectionError):
                found.append(way_of(engine, contact) or contact.uri)
    return found


def _by_listener(engine: Pipeline, name: str, target: Target) -> Flow | None:
    """Return the datagram flow by the very listener that the phone registered at: its address translator knows no other."""
    if target.transport != "UDP" or len({plugin for plugin, transport, _ in engine.listeners if transport == "UDP"}) < 2:
        return None
    for listing in engine.plan.stages["transport"]:
        if listing.name == name and hasattr(listing.plugin, "connect"):
            flow: Flow | None = listing.plugin.connect(target)
            return flow
    return None
