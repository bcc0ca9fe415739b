"""What an endpoint may do once it is known who it is: register its own addresses of record, and speak in its own name.

RFC 3261 10.3 step 4 (authorised to change these bindings?), 22.1; RFC 3323 4.1.1.3 (the From of who wants to be anonymous claims nobody).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import Reply

if TYPE_CHECKING:
    from pipeline import Passage, Request
    from pipeline.dal import Endpoint
    from pipeline.engine import Pipeline

ANONYMOUS = "anonymous.invalid"


def refusal(engine: Pipeline, request: Request, passage: Passage, endpoint: Endpoint) -> Reply | None:
    """Return the 403 for what this endpoint may not do; None when it may."""
    aor_of, local = engine.domains.aor, passage.flow.local[0]
    caller = request.from_.uri
    own = aor_of(caller, local)
    if request.method == "REGISTER":
        to = request.to.uri
        aor = own if to is caller else aor_of(to, local)  # URIs are remembered, so the usual To and From are one object
        if aor is None or aor not in endpoint.aors:
            return _refused(engine, passage, endpoint, f"{aor or to} is none of its aors, it may not register it")
        if aor == own:
            return None
    if endpoint.trust_from or (own is not None and (own in endpoint.aors or _is_name(engine, own, endpoint.id))):
        return None
    if own is None and request.method != "REGISTER" and (not endpoint.auth or caller.host == ANONYMOUS):
        return None  # nothing was proved that this From could contradict, or it claims to be nobody
    return _refused(engine, passage, endpoint, f"{own or caller} is none of its aors, and it has no trust_from")


def _refused(engine: Pipeline, passage: Passage, endpoint: Endpoint, why: str) -> Reply:
    flow = passage.flow
    because = f"endpoint.{endpoint.id}: {why}"
    user = passage.identity or endpoint.id
    engine.tell("auth.refused", user=user, source=flow.peer[0], transport=flow.transport, reason=because, passage=passage)
    return Reply(403, because=because)


def _is_name(engine: Pipeline, own: str, ident: str) -> bool:
    """Tell whether this is what `identify` would find the endpoint by: an endpoint's own name needs no aor."""
    user, _, domain = own.rpartition("@")
    return ident in (own, user) and (ident == own or domain == engine.domains.first.id)
