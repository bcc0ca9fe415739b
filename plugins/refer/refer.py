"""The plugin `refer`: REFER of a phone in a call (a transfer) and of one that wants to be connected, and how both are told of it. RFC 3515.

Rule: who may call somebody may have himself, or whom he talks to, connected there: the same context, the same routes, no more. Who is
nobody of ours may nothing. In-dialog requests come by the hook `session_request`; NOTIFYs are sent by `pubsub`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Claim, Reply, hookimpl, option, plugin
from pipeline.core import Dialed, Party, State
from pipeline.destinations.identity import caller_of
from pipeline.pubsub import Package, Refused

from .asked import Referral, read, referrer
from .attended import attended, other_leg
from .connections import Connections
from .progress import TYPE, Teller, sipfrag, status_of
from .transfer import REFERRED_BY, UNDER_WAY, Transfer

if TYPE_CHECKING:
    from pipeline import Passage, Pending, Request, Verdict
    from pipeline.core import Channel
    from pipeline.dal import Endpoint
    from pipeline.engine import Pipeline
    from pipeline.pubsub import Publication, Resource
    from pipeline.session import Session

EVENT = "refer"


@plugin
class Refer:
    """Transfers calls, and connects users who ask for it: REFER (RFC 3515)."""

    stage: ClassVar[str] = "application"
    after: ClassVar[tuple[str, ...]] = ("winfo",)
    methods: ClassVar[tuple[str, ...]] = ("REFER",)
    extensions: ClassVar[tuple[str, ...]] = ("norefersub",)
    packages: ClassVar[tuple[Package, ...]] = (Package(EVENT, bodies=(TYPE,), bare=True),)

    click_to_dial: bool = option(
        True, help="whether a user may have his phones called and connected to somebody by a REFER outside a call, sent to his own address"
    )
    click_calls: int = option(
        10, validator=attrs.validators.ge(0), help="calls of one endpoint that were begun so and are not over; one more is refused (480)"
    )
    click_rate: float = option(
        1.0,
        validator=attrs.validators.ge(0),
        help="calls a second that one endpoint may begin so in the long run (480 with Retry-After); 0 = no limit",
    )
    click_burst: int = option(10, validator=attrs.validators.ge(1), help="calls that it may begin so at once")
    ring: float = option(
        60.0, unit="s", validator=attrs.validators.gt(0), help="how long the phones of such a user ring before anything else is called"
    )
    leave: float = option(
        5.0,
        unit="s",
        validator=attrs.validators.ge(0),
        help="when the leg of who has transferred is ended, unless he hangs up himself when he hears that it has succeeded",
    )
    recall: float = option(
        30.0,
        unit="s",
        validator=attrs.validators.ge(0),
        help="how long who has transferred and hung up at once is called back when it fails; 0 = not at all",
    )

    engine: Any = attrs.field(init=False, default=None)
    connections: Any = attrs.field(init=False, default=None)

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Know the engine, and what was begun before a reload."""
        self.engine = engine
        self.connections = engine.state(self, Connections)
        self.connections.rate.configure(self.click_rate, self.click_burst)

    # -- REFER in a call -----------------------------------------------------------------------------------------------

    @hookimpl
    def session_request(self, session: Session, message: Request, passage: Passage) -> Verdict | None:
        """Take a REFER of a phone in a call."""
        if message.method != "REFER":
            return None
        endpoint = session.endpoint
        if endpoint is None or not endpoint.allow_transfer:
            return Reply(603, because="endpoint.allow_transfer: false" if endpoint is not None else "refer: no endpoint of ours")
        old: Channel = session.channel
        stay = old.bridge.other(old) if old.bridge is not None else None
        if stay is None or old.state is not State.UP or stay.state is not State.UP:
            return Reply(603, because="refer: there is nobody to be transferred")
        if UNDER_WAY in stay.variables or UNDER_WAY in old.variables:
            return Reply(491, because="refer: a transfer is under way")
        asked = read(message, self.engine, passage.flow)
        if isinstance(asked, Reply):
            return asked
        if asked.replaces is None:
            dialed = self._dialed(asked, endpoint, stay.party)
            work = Transfer(self, stay, old, dialed, Teller(None), referrer(message, endpoint, self.engine))
            return self._accepted(asked, message, passage, session, (stay,), partial(_begin, work))
        leg = other_leg(self, session, asked.replaces)
        if isinstance(leg, Reply):
            return leg
        return self._accepted(asked, message, passage, session, (stay, leg), lambda teller: attended(self, stay, old, leg, teller))

    def _accepted(
        self, asked: Referral, message: Request, passage: Passage, session: Session, moved: tuple[Channel, ...], begin: Any
    ) -> Reply:
        """Accept; when the 202 has gone it begins."""
        try:
            headers = self._subscribe(asked, message, passage, session, begin)
        except Refused as error:
            return Reply(error.status, because=f"refer: {error}")
        for channel in moved:
            channel.variables[UNDER_WAY] = "yes"
        return Reply(202, headers=headers, because=f"refer: to {asked.uri}")

    def _subscribe(self, asked: Referral, message: Request, passage: Passage, carrier: Any, begin: Any) -> tuple[tuple[str, str], ...]:
        """Make the subscription (RFC 3515 2.4.4), unless nobody wants it (RFC 4488 4); returns the fields of the 202."""
        pubsub = self.engine.pubsub
        pushed = None
        headers: list[tuple[str, str]] = []
        if asked.silent or pubsub is None:
            headers.append(("Refer-Sub", "false"))
        else:
            pushed = pubsub.implicit(EVENT, str(message.cseq.number), message, passage, write=sipfrag, carrier=carrier)
        contact = pushed.contact if pushed is not None else getattr(carrier, "contact", "")
        if contact:
            headers.append(("Contact", contact))
        self.engine.loop.call_soon(begin, Teller(pushed))
        return tuple(headers)

    def _dialed(self, asked: Referral, endpoint: Endpoint, party: Party) -> Dialed:
        return Dialed(endpoint.context, asked.extension, asked.uri, party, endpoint.id, "sip")

    @hookimpl
    def session_request_out(self, session: Session, message: Request) -> None:
        """Say in the INVITE of a transferred call who has sent the caller (RFC 3892 3)."""
        if message.method == "INVITE" and session.direction == "out" and not message.to.tag:
            said = session.channel.call.variables.get(REFERRED_BY)
            if said:
                message.set("Referred-By", said)

    # -- REFER outside any call ----------------------------------------------------------------------------------------

    @hookimpl
    def application(self, message: Request, passage: Passage) -> Verdict | None:
        """Take a REFER of a user who wants to be connected with somebody."""
        if message.method != "REFER":
            return None
        endpoint = passage.endpoint
        if endpoint is None:
            return Reply(403, because="refer: only users of ours are connected", stateless=True)
        if not endpoint.allow_transfer or not self.click_to_dial:
            return Reply(603, because="endpoint.allow_transfer or refer.click_to_dial: false")
        who = self.engine.aor_of(message.uri, passage.flow)
        if who is None and self.engine.is_self(message.uri, passage.flow) and endpoint.aors:
            who = endpoint.aors[0]
        if who not in endpoint.aors:
            return Reply(403, because=f"refer: {message.uri} is no address of {endpoint.id}")
        if not message.contacts:
            return Reply(400, "Missing Contact", because="a REFER makes a dialog (RFC 3515 2.2)")
        asked = read(message, self.engine, passage.flow)
        if isinstance(asked, Reply):
            return asked
        if asked.replaces is not None:
            return Reply(501, "No Replaces Outside A Call", because="refer: a call of another dialog is to be replaced")
        return Claim("refer", message.call_id, partial(self._connect, asked, who), because=f"refer: {who} to {asked.uri}")

    def _connect(self, asked: Referral, who: str, passage: Passage) -> None:
        message: Any = passage.message
        endpoint: Any = passage.endpoint
        refusal = self.connections.refusal(self, endpoint.id, self.engine.clock.now())
        if refusal is not None:
            passage.reply(refusal.status, refusal.reason, refusal.headers, because=refusal.because)
            return
        caller = caller_of(message, endpoint, self.engine, passage.flow)
        referred_by = referrer(message, endpoint, self.engine)

        def begin(teller: Teller) -> None:
            self._place(asked, who, endpoint, caller, referred_by, teller)

        try:
            headers = self._subscribe(asked, message, passage, None, begin)
        except Refused as error:
            passage.reply(error.status, because=f"refer: {error}")
            return
        self.connections.begin(endpoint.id)
        passage.reply(202, headers=headers, because=f"refer: {who} is called, then {asked.uri}")

    def _place(self, asked: Referral, who: str, endpoint: Endpoint, caller: Party, referred_by: str, teller: Teller) -> None:
        teller.tell(100)
        dialed = self._dialed(asked, endpoint, caller)

        async def script(channel: Channel) -> None:
            channel.party = caller
            work = Transfer(self, channel, None, dialed, teller, referred_by)
            work.begin()
            await work.script(channel)

        def placed(pending: Pending) -> None:
            try:
                pending.value()
            except Exception as error:
                teller.tell(status_of(self.engine.core.hangup_of(error, None, "refer")))

        called = Party(number=asked.extension)
        result = self.engine.core.originate(who, script=script, caller=called, seconds=self.ring)
        result.then(placed)
        result.then(partial(self.connections.placed, endpoint.id))

    # -- the event package ---------------------------------------------------------------------------------------------

    @hookimpl
    def event_package(self, resource: Resource, published: tuple[Publication, ...]) -> Any:
        """Refuse: these subscriptions are made by REFER alone (RFC 3515 2.4.4)."""
        if resource.event != EVENT:
            return None
        raise Refused("a subscription to refer is made by a REFER (RFC 3515 2.4.4)")


def _begin(work: Transfer, teller: Teller) -> None:
    work.teller = teller
    work.begin()


__all__ = ["Refer"]
