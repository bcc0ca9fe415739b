"""The plugin `edge`: passes what phones send to their registrar, and what that sends to the flow of each phone. RFC 5626 5, RFC 3261 16.

Rules: what is for a domain of ours is not its affair. Everything else from phones goes to `upstream`, who alone decides whom they may call,
so nobody is given a relay to anywhere; within a dialog it goes where the dialog's routes say. Towards phones goes what carries a token of
ours and nothing else. What phones assert of themselves stays here, and within a dialog what anybody does but upstream (RFC 3325). It
belongs before `identify` and `auth`: the registrar is who asks for passwords.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Claim, Drop, Malformed, Reply, Uri, hookimpl, option, plugin
from pipeline.dal.acls import networks
from pipeline.proxy import Forwarding, Passing, mark_of, onward, screen, withheld
from pipeline.reach import way_by
from pipeline.sip.message import STAR
from pipeline.sip.routing import route_within
from pipeline.sip.session_timer import session_expires_of

from .held import Held
from .routes import NO_WAY, record, value, way
from .tokens import DIALOG, PATH, Tokens

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pipeline import Flow, Message, Passage, Request, Response, Verdict
    from pipeline.engine import Pipeline

    from .routes import Way

DIALOGS = ("INVITE", "UPDATE", "SUBSCRIBE")
"""Methods whose 2xx begins or refreshes what may last."""
CALL, PARTING, DAY = 7200.0, 32.0, 86400.0
"""Seconds that a phone's connection is kept for a call without a session timer, beyond the end of one (RFC 4028 10), and at most."""
KNOWN = ("path", "outbound", "gruu")
"""Option tags of Proxy-Require that ask nothing of us but what we do."""


def _uri(_instance: Any, attribute: attrs.Attribute[Any], text: str) -> None:
    try:
        uri = Uri.parse(text)
    except Malformed as error:
        raise ValueError(f'{attribute.name}: "{text}" is no URI: {error.why}; write "sip:registrar.example.com"') from None
    if uri.scheme not in ("sip", "sips"):
        raise ValueError(f'{attribute.name}: "{text}" names nobody to send to: write "sip:registrar.example.com"')


@plugin
class Edge:
    """Stands between phones and their registrar, and keeps the flows by which they are reached."""

    stage: ClassVar[str] = "intercept"
    after: ClassVar[tuple[str, ...]] = ("auth",)

    upstream: str = option(
        validator=_uri,
        help='whom requests from phones go to: the registrar or proxy of their domain, as "sip:registrar.example.com" or'
        ' "sip:192.0.2.1:5060;transport=tcp"',
    )
    trusted: list[str] = option(
        factory=list,
        validator=networks,
        help="networks of other servers than `upstream` that are believed when they say within a dialog who somebody is"
        ' (P-Asserted-Identity, Remote-Party-ID; RFC 3325 5), as "192.0.2.0/24": the far end of a dialog can send to a phone too',
    )
    limit: int = option(
        10000, validator=attrs.validators.ge(1), help="requests that may be under way at a time; new ones are then refused with 503"
    )
    flow_timer: int = option(
        0,
        unit="s",
        validator=attrs.validators.in_(range(86401)),
        help="what phones that register flows are told about how often to send keepalives (Flow-Timer, RFC 5626 5.4); 0 = nothing",
    )

    _engine: Any = attrs.field(init=False, default=None)
    _tokens: Any = attrs.field(init=False, default=None)
    _held: Any = attrs.field(init=False, default=None)

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Take over the flows that are held, if this is a reload."""
        self._engine = engine
        self._tokens = Tokens(engine.key)
        self._held = engine.state(self, lambda: Held(engine))
        self._held.trusted.configure(self.upstream, self.trusted)

    @hookimpl
    def intercept(self, message: Message, passage: Passage) -> Verdict | None:
        """Take the requests that are to be passed on. Raises Malformed."""
        if not message.is_request:
            return None
        request: Request = message  # type: ignore[assignment]
        method = request.method
        if method == "CANCEL" or passage.dialog is not None or passage.refused:  # it follows its INVITE; or we are an end of that dialog
            return None
        engine, flow = self._engine, passage.flow
        there = way(request, engine, flow, self._tokens) if "route" in request.first else NO_WAY
        if there.forged:
            return _refuse(request, Reply(403, because="edge: a flow token that was not made here, or for another dialog"))
        if there.token is None and (method == "ACK" or engine.domain_of(request.uri.host, flow) is not None):
            return None
        mark = mark_of(request, engine.key)
        refusal = screen(request, mark, KNOWN)
        if refusal is not None:
            return _refuse(request, refusal)
        if there.token is None or there.token.flow == flow.id:
            there, targets = self._onward(request, there)
            return self._take(request, passage, there, mark, targets, flow, trusted=False)
        if there.token.kind == DIALOG and not request.to.tag:
            return _refuse(request, Reply(403, because="edge: a dialog's flow token begins nothing new"))
        try:
            phone = way_by(engine, there.token.flow, there.token.listener)
        except ConnectionError as error:
            return _refuse(request, Reply(430, because=f"edge: {error} (RFC 5626 5.3.1)"))
        trusted = there.token.kind == PATH or self._held.trusted.holds(flow)
        return self._take(request, passage, there, mark, phone, None, trusted=trusted)

    # -- where it goes -----------------------------------------------------------------------------------------------

    def _onward(self, request: Request, there: Way) -> tuple[Way, Any]:
        """Return where a phone's request goes: within a dialog where its routes say (16.6 step 6), else to upstream."""
        if request.to.tag and there.token is not None and there.token.kind == DIALOG:
            uri, routes, hop = route_within(there.uri, there.left)
            return there._replace(uri=uri, left=routes), hop
        return there, self.upstream

    def _take(
        self, request: Request, passage: Passage, there: Way, mark: str, targets: Any, phone: Flow | None, *, trusted: bool
    ) -> Verdict:
        """Pass a request on: from the phone at the end of `phone`, or (None) to one. `trusted`: whether its sender says who somebody is."""
        engine = self._engine
        outward = phone is not None
        hops: list[Flow] = []
        without = withheld(request, trusted=trusted, trusting=outward)

        def make(goes: Flow) -> Request:
            hops[:] = (goes,)
            if targets is self.upstream:
                self._held.trusted.reached(goes)
            return self._made(request, there, passage.flow, phone, goes, without)

        def back(response: Response) -> Collection[str]:
            return withheld(response, trusted=outward and self._held.trusted.holds(hops[0]), trusting=not outward)

        if request.method == "ACK":
            Passing(engine, passage, make, targets).go_on()
            return Drop("edge: an ACK, passed on")
        if not request.to.tag and (engine.draining or engine.overloaded or self._held.under_way >= self.limit):
            return engine.busy()  # type: ignore[no-any-return]
        engine.transactions.begin(passage, merge=False)  # copies of a request that was forked upstream are no mistake here
        answered = None
        if outward and request.method == "REGISTER":
            answered = partial(self._registered, request, passage.flow)
        elif request.method in DIALOGS:
            answered = partial(self._goes_on, request, (passage.flow,) if outward else hops)
        lost, busy = (503, 503) if outward else (430, 500)
        forwarding = Forwarding(
            engine, passage, make, targets, mark, lost=lost, busy=busy, answered=answered, ended=self._held.answered, without=back
        )
        because = "edge: to upstream" if outward else "edge: to the phone"
        return Claim("edge", request.call_id, partial(self._start, forwarding), because=because)

    def _start(self, forwarding: Forwarding, _passage: Passage) -> None:
        self._held.under_way += 1
        forwarding.start()

    def _made(self, request: Request, there: Way, came: Flow, phone: Flow | None, goes: Flow, without: Collection[str]) -> Request:
        """Make the copy that goes by a flow."""
        path: tuple[str, ...] = ()
        if request.method == "REGISTER":
            flags = ("ob",) if len(request.vias) == 1 else ()  # 5.1: the phone's first hop alone says it keeps the flow
            secure = request.uri_text[:5].lower() == "sips:"
            path = (value(goes, self._tokens.make(came, PATH), *flags, secure=secure),)
        token = self._tokens.make(phone or goes, DIALOG, request.call_id)
        return onward(
            request,
            uri=there.uri,
            routes=there.left if there.ours else None,
            record=record(request, came, goes, token),
            path=path,
            without=without,
        )

    # -- registrations -----------------------------------------------------------------------------------------------

    def _registered(self, request: Request, flow: Flow, response: Response) -> Response:
        """Keep the connection of a phone open as long as it is registered."""
        if 200 <= response.status < 300:
            with suppress(Malformed):  # what the registrar says is between it and the phone
                self._held.until(flow, _seconds(request, response))
            if self.flow_timer and "outbound" in [tag.lower() for tag in response.require]:
                response.set("flow-timer", str(self.flow_timer), by="edge")
        return response

    def _goes_on(self, request: Request, flows: Sequence[Flow], response: Response) -> Response:
        """Keep the connection of a phone open as long as its dialog lasts: it may have no registration (any more)."""
        if 200 <= response.status < 300:
            with suppress(Malformed):
                self._held.at_least(flows[0], _lasts(request, response))
        return response


def _lasts(request: Request, response: Response) -> float:
    """Return how long a dialog lasts that nobody refreshes. Raises Malformed."""
    if request.method == "SUBSCRIBE":
        return float(min(response.expires or 0, DAY))
    timer = session_expires_of(response)
    return CALL if timer is None else min(timer.seconds + PARTING, DAY)


def _seconds(request: Request, response: Response) -> int:
    """Return how long the bindings of a REGISTER last. Raises Malformed."""
    asked = request.contacts
    if asked is STAR:
        return 0
    return max((each.expires or 0 for each in response.contacts if any(Uri.same(each.uri, own.uri) for own in asked)), default=0)


def _refuse(request: Request, reply: Reply) -> Verdict:
    return Drop(reply.because) if request.method == "ACK" else reply
