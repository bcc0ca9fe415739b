"""What a proxy asks of a request before it passes it on. RFC 3261 16.3, RFC 5393.

Rule: pure. Loops are told by a mark in the branch of our Via (16.6 step 8): a keyed hash of all by which we decide where the request goes.
The same mark again means that it would go the same way again; another one is a spiral, as when both phones are behind us, and allowed.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pipeline.passage import Reply
from pipeline.sip.breadth import breadth_of
from pipeline.sip.status import reason_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from pipeline.sip.message import Request

__all__ = ["HOPS", "mark_of", "screen"]

HOPS = 70
"""RFC 3261 16.6 step 3: Max-Forwards of a request that has none."""
OCTETS = 6


def mark_of(request: Request, key: bytes) -> str:
    """Return the mark of a request: Request-URI, Route and whose call it is decide where it goes."""
    parts = (request.uri_text, request.call_id, *request.all("route"))
    text = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, digest_size=OCTETS, key=key, person=b"sipline via").hexdigest()


def screen(request: Request, mark: str, extensions: Collection[str] = ()) -> Reply | None:
    """Return why a request is not passed on; None: it may be. Raises Malformed. `extensions`: option tags that this proxy knows."""
    hops = request.max_forwards
    if hops == 0:
        return Reply(483, because="Max-Forwards is 0 (RFC 3261 16.3 step 3)")
    if breadth_of(request) == 0:
        return Reply(440, reason_of(440), because="Max-Breadth is 0 (RFC 5393 5.3.3)")
    if any(via.branch.endswith(f".{mark}") for via in request.vias):
        return Reply(482, because="this request has been here before in the same way (RFC 3261 16.3 step 4)")
    if "proxy-require" in request.first:
        unknown = [tag for tag in request.proxy_require if tag.lower() not in extensions]
        if unknown:
            return Reply(420, headers=(("Unsupported", ", ".join(unknown)),), because="Proxy-Require (RFC 3261 16.3 step 5)")
    return None
