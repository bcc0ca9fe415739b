"""The location service: whom a Request-URI means, and to which of his contacts a request may go. RFC 3261 16.5, 26.2.2; RFC 5627 6.1.

Rule: it decides which contacts, not by which way (pipeline.reach) and not what is done there. An address of record means all contacts that
live; a GRUU those of one phone; a sips URI only those that are reached over TLS, for a request that may not be read on its way is never
sent where it could be. Applications ask `called` whom a request is for, read that address of record's contacts, and let `reached` choose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from pipeline.passage import Reply
from pipeline.reach import STREAM
from pipeline.sip.grammar import Malformed
from pipeline.sip.uri import Uri

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.dal import Contact
    from pipeline.engine import Pipeline
    from pipeline.flow import Flow
    from pipeline.gruu import Gruu

__all__ = ["Called", "Nowhere", "called", "is_secure", "is_secured", "reached"]

SECURED = ("tls", "wss")


class Nowhere(Exception):  # noqa: N818  it says what happened
    """Nobody can be reached by a URI now; `reply` is what a request to it gets."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.because)
        self.reply = reply


@attrs.frozen(slots=True)
class Called:
    """Whom a URI means."""

    aor: str
    """The address of record."""
    gruu: Gruu | None = None
    """The one phone of it that is meant; None: all."""
    secure: bool = False
    """Whether the request may go over TLS only (a sips URI)."""

    @property
    def hides(self) -> bool:
        """Tell whether whose address it is must not be shown to who called it (RFC 5627 3.1.2)."""
        return self.gruu is not None and self.gruu.generation > 0


def called(engine: Pipeline, uri: Uri, flow: Flow | None = None) -> Called | None:
    """Return whom a sip or sips URI means; None: nobody of ours, or a GRUU that is none (404)."""
    secure = uri.scheme == "sips"
    if "gr" not in uri.params:
        name = engine.domains.aor(uri, flow.local[0] if flow is not None else "")
        return None if name is None else Called(name, None, secure)
    domain = engine.domain_of(uri.host, flow)
    gruu = engine.gruus.read(uri, domain.id) if domain is not None else None
    return None if gruu is None else Called(f"{gruu.user}@{domain.id}", gruu, secure)


def reached(engine: Pipeline, who: Called, stored: Iterable[Contact]) -> list[Contact]:
    """Return the contacts that a request may go to, of those that are stored of its address of record; [] when there are none now (480).

    Of a phone that has registered more than one without saying reg-id (it was restarted, and lost its port) the latest is meant (RFC 5627
    6.1); flows of one phone are all given, and `pipeline.reach` has the order. Raises Nowhere.
    """
    now = engine.clock.time()
    live = [contact for contact in stored if contact.expires_at > now]
    if who.gruu is not None:
        live = [contact for contact in live if who.gruu.fits(contact)]
        if not live and who.gruu.generation:
            raise Nowhere(Reply(404, because=f"{who.aor}: that temporary GRUU is no longer valid (RFC 5627 5.1, 5.3)"))
        if len(live) > 1 and not all(contact.reg_id for contact in live):
            live = [max(live, key=_refreshed)]
    if who.secure and live:
        live = [contact for contact in live if is_secure(engine, contact)]
        if not live:
            raise Nowhere(insecure(engine, who.aor))
    return live


def insecure(engine: Pipeline, who: str) -> Reply:
    """Return what a request to a sips URI gets when whom it is for is reached without TLS alone (RFC 5630 5.3, 7)."""
    warning = f'380 {engine.domains.first.id} "SIPS Not Allowed"'
    return Reply(480, headers=(("Warning", warning),), because=f"{who}: a request to a sips URI goes over TLS only (RFC 3261 26.2.2)")


def is_secure(engine: Pipeline, contact: Contact) -> bool:
    """Tell whether requests to a contact go over TLS."""
    if contact.reach and not contact.path:
        flow = engine.flows.get(contact.reach) if contact.reach[:5] == STREAM else None
        return flow is not None and flow.secure
    return is_secured(contact.uri, path=contact.path)


def is_secured(uri: str, path: tuple[str, ...] = ()) -> bool:
    """Tell whether a URI is reached over TLS: a sips one, or one that says so when no proxy stands between."""
    if uri[:5].lower() == "sips:":
        return True
    try:
        return not path and (Uri.parse(uri).params.get("transport") or "").lower() in SECURED
    except Malformed:
        return False


def _refreshed(contact: Contact) -> float:
    return contact.expires_at
