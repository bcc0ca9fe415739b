"""Who may act in a dialog: its peer, by his password, his connection, or the place that he is known to be at. RFC 3261 12.2.2, 22.

Tags are no secret: every proxy on the way has seen them, and so has whoever listens to UDP. RFC 3261 leaves it to the server whether a
request in a dialog has to be proved. Here the peer is known by, in this order:

- what `auth` has proved: credentials of the dialog's endpoint; an address or a certificate that `identify` says is this endpoint;
- the flow or the host from which the dialog's first request (or answer) came, by any port and transport: address translators give new
  ports, and what is too long for UDP comes by TCP;
- the hosts that the dialog itself names: of the Contact that we call it at, of its route set, of the Vias of its INVITE. So the BYE of who
  called through a proxy that did not record its route is taken, which comes from his phone and not from the proxy.

Rule: nobody else is. He is told what he would be told if there were no such dialog (481), and an ACK of his is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pipeline.datagrams import literal
from pipeline.dialogs import by_its_own_way
from pipeline.dns.hosts import hosts_of
from pipeline.pending import gather, settle
from pipeline.sip.grammar import Malformed
from pipeline.sip.host import host_key
from pipeline.sip.uri import Uri

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.engine import Pipeline
    from pipeline.passage import Passage
    from pipeline.pending import Pending
    from pipeline.sip.dialog import Dialog
    from pipeline.sip.message import Request

PLACES = 4
"""Hosts from which somebody has proved to be the peer that are kept: a phone on the road changes them one after the other."""


class Peered(Protocol):
    """Who owns a dialog, and judges himself who may act in it (`judges`, pipeline/dialogs.py). `invite`, if it has one, made the dialog;
    in `proved`, if it has that, are kept the hosts from which the peer has proved to be himself.
    """

    engine: Pipeline
    source: tuple[str, str]
    flow_id: str
    endpoint: Any
    proved: tuple[str, ...]

    def request(self, message: Request, passage: Passage) -> None:
        """As pipeline.dialogs.Usage."""


def is_peer(session: Peered, dialog: Dialog | None, passage: Passage) -> bool | Pending:
    """Tell whether a request of a dialog comes from its peer, or a Pending of that: names may have to be looked up."""
    host = passage.flow.peer[0]
    known: tuple[str, ...] | None = getattr(session, "proved", None)
    if session.endpoint is not None and (passage.identity or passage.sourced):
        if known is not None and host not in known:
            session.proved = (*known[1 - PLACES :], host)  # its ACK, never challenged (22.1), comes from there
        return True
    if by_its_own_way(session, passage) or host == session.source[1] or (known is not None and host in known):
        return True
    if dialog is None:
        return False
    key = host_key(host)
    names: list[Uri] = []
    for text in (dialog.target, *dialog.route_set):
        try:
            uri = Uri.parse(text[text.find("<") + 1 : text.find(">")] if "<" in text else text)
        except Malformed:
            continue
        called = uri.target_host
        if host_key(called) == key:
            return True
        if called and not literal(called.strip("[]")):
            names.append(uri)
    if key in _passed(session):
        return True
    if not names:
        return False
    locator = session.engine.locator
    found: bool | Pending = settle(gather(hosts_of(locator, uri) for uri in names), lambda sets: any(host in each for each in sets))
    return found


def stranger(session: Peered, passage: Passage) -> None:
    """Note that a request of a dialog came from somebody who is not its peer."""
    engine = session.engine
    engine.counts["refused.in_dialog"] += 1
    engine.tell("request.unexpected", expected=session.source, passage=passage)


def _passed(session: Peered) -> Iterable[str]:
    """Give the hosts by which the caller's INVITE came, the phone's own too, as far as they can be read."""
    invite: Request | None = getattr(session, "invite", None)
    try:
        vias = () if invite is None else invite.vias
    except Malformed:
        return
    for via in vias:
        yield host_key(via.host)
        if via.received:
            yield host_key(via.received)
