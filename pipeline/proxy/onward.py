"""The copy of a request that goes on, and of a response that goes back. RFC 3261 16.6 steps 1 to 6, 16.7 steps 3 and 9; RFC 3327 5.2.

Rule: pure. What need not be changed is as it came; what came is not changed itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.sip.headers import canonical
from pipeline.sip.message import Request, Response

from .screen import HOPS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["onward", "stripped"]


def onward(
    request: Request, *, uri: str = "", routes: Sequence[str] | None = None, record: Sequence[str] = (), path: Sequence[str] = ()
) -> Request:
    """Return the copy of a request that is passed on, without Via of ours: one hop less, with these Record-Route and Path values on top.

    `uri`: another Request-URI; `routes`: the Route values that are left, None: those that it came with.
    """
    hops = request.max_forwards
    fields = [("Max-Forwards", str(HOPS if hops is None else hops - 1))]
    fields += [("Record-Route", value) for value in record]
    fields += [("Path", value) for value in path]
    if routes is not None:
        fields += [("Route", value) for value in routes]
    for name, value in request.items():
        key = canonical(name)
        if key == "max-forwards" or (key == "route" and routes is not None):
            continue
        fields.append((name, value))
    return Request.new(request.method, uri or request.uri_text, fields, request.body)


def stripped(response: Response) -> Response | None:
    """Return a response without its first Via, which is ours; None when no other is left, for then it is nobody else's."""
    vias = response.values("via")[1:]
    if not vias:
        return None
    fields = [("Via", value) for value in vias]
    fields += [(name, value) for name, value in response.items() if canonical(name) != "via"]
    return Response.new(response.status, response.reason, fields, response.body)
