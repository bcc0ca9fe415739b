"""A NOTIFY that nobody subscribed to: `check-sync`, a lamp of a phone that cannot ask. Not in RFC 6665, wanted by many phones.

Rule: one request for each place that the name stands for, as Asterisk's res_pjsip_notify sends it; nothing is kept. What it is
answered with is told to whoever sent it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.client import Final, Provisional
from pipeline.core import Cause, Hangup, Unroutable
from pipeline.destinations.credentials import Credentials
from pipeline.destinations.targets import TECHNOLOGY, Targets
from pipeline.pending import settle
from pipeline.sip.dialog import wants_sips
from pipeline.sip.message import Request
from pipeline.way import contact

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline import Flow
    from pipeline.client import Outcome
    from pipeline.destinations.targets import Destination
    from pipeline.engine import Pipeline


def send(
    engine: Pipeline, where: str, event: str, body: bytes, content_type: str, state: str, told: Callable[[str, int], object] | None
) -> Any:
    """Send it to each place; returns how many, or a Pending of it. Raises, or fails with, core.Unroutable."""

    def found(destinations: list[Destination] | None) -> int:
        if not destinations:
            raise Unroutable(Hangup(Cause.UNALLOCATED, f"nobody is called {where!r}, or he cannot be reached", TECHNOLOGY, 404))
        for destination in destinations:
            _send(engine, destination, event, body, content_type, state, told)
        return len(destinations)

    return settle(Targets(engine, Credentials(engine)).find(where), found)


def _send(
    engine: Pipeline,
    destination: Destination,
    event: str,
    body: bytes,
    content_type: str,
    state: str,
    told: Callable[[str, int], object] | None,
) -> None:
    call_id, tag, domain = engine.token(16), engine.token(8), engine.domains.first.id

    def made(flow: Flow) -> Request:
        fields = [
            ("Max-Forwards", "70"),
            *(("Route", route) for route in destination.route),
            ("From", f"<sip:{domain}>;tag={tag}"),
            ("To", f"<{destination.uri}>"),
            ("Call-ID", call_id),
            ("CSeq", "1 NOTIFY"),
            ("Contact", contact(flow, "", secure=wants_sips(destination.uri, destination.route))),
            ("Event", event),
            ("Subscription-State", state),
        ]
        if body:
            fields.append(("Content-Type", content_type))
        return Request.new("NOTIFY", destination.uri, fields, body)

    def answered(outcome: Outcome) -> None:
        if told is not None and not isinstance(outcome, Provisional):
            told(destination.uri, outcome.response.status if isinstance(outcome, Final) else 0)

    engine.request(made, destination.target, answered, None, destination.endpoint if destination.endpoint.id else None)
