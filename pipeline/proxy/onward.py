"""The copy of a request that goes on, and of a response that goes back. RFC 3261 16.6 steps 1 to 6, 16.7 steps 3 and 9; RFC 3327 5.2;
RFC 5393 5.3.3.

Rule: pure. What need not be changed is as it came; what came is not changed itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.sip.breadth import WIDEST, breadth_of
from pipeline.sip.headers import canonical
from pipeline.sip.identity import privacy_of
from pipeline.sip.message import Request, Response

from .screen import HOPS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pipeline.sip.message import Message

__all__ = ["onward", "stripped", "withheld"]


WISH = re.compile(r";[ \t]*(oc|oc-validity|oc-seq)[ \t]*=[^;,]*", re.IGNORECASE)
"""What RFC 7339 has a server say in the Via of who sent it a request (4.1 to 4.4)."""

IDENTITIES = frozenset(("p-asserted-identity", "remote-party-id"))
"""Fields by which those who trust each other say who somebody is."""


def withheld(message: Message, *, trusted: bool, trusting: bool) -> Collection[str]:
    """Return the keys of fields that do not cross the border of those who trust each other (RFC 3325 5 and 7).

    `trusted`: whether who sends is one of them; nobody else says for sure who he is. `trusting`: whether who gets it is; nobody else learns
    of one who wants to be private (Privacy: id).
    """
    if not trusted or (not trusting and "id" in privacy_of(message)):
        return IDENTITIES
    return ()


def onward(
    request: Request,
    *,
    uri: str = "",
    routes: Sequence[str] | None = None,
    record: Sequence[str] = (),
    path: Sequence[str] = (),
    without: Collection[str] = (),
) -> Request:
    """Return the copy of a request that is passed on, without Via of ours: one hop less, with these Record-Route and Path values on top.

    It goes to one place at a time, so that all the Max-Breadth it came with goes along (RFC 5393 5.3.3). Raises Malformed.

    `uri`: another Request-URI; `routes`: the Route values that are left, None: those that it came with; `without`: keys of fields that stay
    here.
    """
    hops, breadth = request.max_forwards, breadth_of(request)
    fields = [("Max-Forwards", str(HOPS if hops is None else hops - 1)), ("Max-Breadth", str(WIDEST if breadth is None else breadth))]
    fields += [("Record-Route", value) for value in record]
    fields += [("Path", value) for value in path]
    if routes is not None:
        fields += [("Route", value) for value in routes]
    for name, value in request.items():
        key = canonical(name)
        if key in ("max-forwards", "max-breadth") or (key == "route" and routes is not None) or key in without:
            continue
        fields.append((name, value))
    return Request.new(request.method, uri or request.uri_text, fields, request.body)


def stripped(response: Response, without: Collection[str] = ()) -> Response | None:
    """Return a response without its first Via, which is ours, and without some fields; None when no other Via is left: it is nobody's.

    What is wished of our neighbour in his Via is ours to say (RFC 7339 4), not that of who answers: a phone could have all calls that come
    through us left out. It is taken back to the question that it was.
    """
    vias = response.values("via")[1:]
    if not vias:
        return None
    if "oc" in vias[0].lower():
        vias[0] = WISH.sub(lambda found: ";oc" if found[1].lower() == "oc" else "", vias[0])
    fields = [("Via", value) for value in vias]
    fields += [(name, value) for name, value in response.items() if (key := canonical(name)) != "via" and key not in without]
    return Response.new(response.status, response.reason, fields, response.body)
