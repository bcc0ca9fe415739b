"""The sessions of a server, and what they share: timers, limits, the loop guard, how calls of an endpoint are made.

Rule: it outlives a reload (`engine.state`), for calls do; what a plugin of the new generation says is asked of the generation of the
moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.core import Unroutable
from pipeline.destinations.credentials import Credentials
from pipeline.destinations.identity import connected, outgoing, user_text
from pipeline.destinations.targets import NOBODY, Targets
from pipeline.pending import settle
from pipeline.sip.session_timer import SessionTimer
from pipeline.stages.timetable import Timetable

from .bodies import MULTIPART, refusal_of
from .incoming import Incoming
from .limits import FULL_HOUSE, Limits
from .loops import BEGINNING, Loops
from .outgoing import Outgoing
from .supplements import Supplements

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline import Passage, Pending, Request
    from pipeline.core import Channel, Hangup, Party, Wanted
    from pipeline.dal import Endpoint
    from pipeline.destinations.targets import Destination
    from pipeline.engine import Pipeline
    from pipeline.generation import Generation

    from .loops import Trip
    from .session import Session
    from .usage import Fields

EXTENSIONS = ("100rel", "timer")
AROUND = frozenset({"norefersub"})
"""Option tags that mean something within a session when the plugin that serves them is listed: `refer`."""
"""The option tags that sessions understand: RFC 3262, RFC 4028."""
STRUCTURAL = frozenset(
    [
        "via",
        "route",
        "record-route",
        "from",
        "to",
        "call-id",
        "cseq",
        "contact",
        "max-breadth",
        "max-forwards",
        "content-length",
        "content-type",
        "require",
        "proxy-require",
        "supported",
        "allow",
        "session-expires",
        "min-se",
        "rseq",
        "rack",
    ]
)
"""Fields that are the session's own: routing code may add others."""


class Driver:
    """The sessions, and what they share."""

    def __init__(self, engine: Pipeline) -> None:
        self.engine = engine
        self.sessions: dict[str, Session] = {}
        """By id: all that live, those too that the core has done with."""
        self.due: set[str] = set()
        """Sessions that have come, and calls that we place (by id), which have neither called anybody nor been answered yet: each may need
        one more."""
        self.timetable = Timetable(engine.clock, self._fire)
        self.limits = Limits()
        self.loops = Loops(engine.key)
        self.credentials = Credentials(engine)
        self.targets = Targets(engine, self.credentials)
        self._supplements: Supplements | None = None
        self._generation: Generation | None = None
        self._abilities: dict[tuple[bool, bool], Fields] = {}

    @property
    def allow(self) -> str:
        """The methods that are taken within a session."""
        return self.engine.generation.offer.allow

    @property
    def supplements(self) -> Supplements:
        """The supplements of the generation of the moment."""
        generation = self.engine.generation
        found = self._supplements
        if found is None or found.generation is not generation:
            found = self._supplements = Supplements(self.engine, generation)
        return found

    # -- sessions ----------------------------------------------------------------------------------------------------

    def add(self, session: Session) -> None:
        """A session has begun."""
        self.sessions[session.id] = session

    def forget(self, session: Session) -> None:
        """A session is no more."""
        self.sessions.pop(session.id, None)
        self.due.discard(session.id)

    @property
    def full(self) -> bool:
        """Whether there are as many sessions as may be: what has begun gets the legs that it needs, nothing new begins.

        The second leg of a call counts from its beginning, for whoever calls at the same moment is asked before it is made.
        """
        most = self.limits.all
        return 0 < most <= len(self.sessions) + len(self.due)

    def _fire(self, ident: str, name: str, serial: int) -> None:
        session = self.sessions.get(ident)
        if session is not None and session.timers.get(name) == serial:
            del session.timers[name]
            session.fire(name)

    def enter(self, session: Session) -> Hangup | None:
        """Count the call of a session, and leave with its channel what the media are to know. Returns how it ends if it is one too many."""
        options, channel = session.options, session.channel
        if options.media:
            channel.variables["media"] = options.media
        if options.codecs:
            channel.variables["codecs"] = ",".join(options.codecs)
        if options.dtmf_mode != "auto":
            channel.variables["dtmf_mode"] = options.dtmf_mode
        if options.media_address:
            channel.variables["media_address"] = options.media_address
        if options.rtp_timeout >= 0:
            channel.variables["rtp_timeout"] = str(options.rtp_timeout)
        if options.rtp_timeout_hold >= 0:
            channel.variables["rtp_timeout_hold"] = str(options.rtp_timeout_hold)
        refused = self.limits.enter(options, channel.call.id)
        session.counted = channel.call.id if refused is None else ""
        if refused is not None and not isinstance(session, Outgoing):
            self.engine.tell("call.limited", endpoint=options.id, leg=session)
        return refused

    def leave(self, session: Session) -> None:
        """The channel of a session has ended: its call counts no more."""
        self.due.discard(session.id)
        placed = session.channel.call
        if placed.id in self.due and all(each is session.channel for each in placed.channels):  # nobody of whom we called is left
            self.due.discard(placed.id)
        self.uncount(session)
        for endpoint, call in session.forwarders:
            self.limits.leave(endpoint, call)
        session.forwarders = ()
        if isinstance(session, Outgoing):
            session.narrow()

    def uncount(self, session: Session) -> None:
        """The call of a session counts no more against its endpoint: it has ended, or goes on with another."""
        if session.counted:
            self.limits.leave(session.options.id, session.counted)
            session.counted = ""

    # -- new ones ----------------------------------------------------------------------------------------------------

    def incoming(self, endpoint: Endpoint | None) -> Incoming:
        """Return a session for an INVITE that has come."""
        return Incoming(self, endpoint or NOBODY)

    def request(self, target: str, wanted: Wanted) -> list[Channel] | Pending | None:
        """Return a channel for each place where a target can be called; None: nobody here is called so. Raises Unroutable."""

        def placed(found: list[Destination] | None) -> list[Channel] | None:
            if wanted.caller is None and self.full:  # not before: others may have begun while the store was asked
                raise Unroutable(FULL_HOUSE)
            if found is None or wanted.only_asked:
                return None if found is None else []
            return self._place(found, wanted)

        only = None if wanted.caller is None else getattr(wanted.caller.leg, "called", None)
        return settle(self.targets.find(target, only), placed)  # type: ignore[no-any-return]

    def _place(self, found: Iterable[Destination], wanted: Wanted) -> list[Channel]:
        caller = wanted.caller
        leg = None if caller is None else caller.leg
        trip: Trip = getattr(leg, "trip", BEGINNING)
        self.due.discard(getattr(leg, "id", ""))
        channels: list[Channel] = []
        refused: Hangup | None = None
        for destination in found:
            session = Outgoing(self, destination, trip)
            options = session.options
            session.passage = getattr(leg, "passage", None)
            session.relied = getattr(leg, "reliable", None) is not None
            session.diversions = getattr(leg, "diversions", ())
            channel = session.channel = self.engine.core.channel(
                "sip",
                "out",
                session,
                endpoint=options.id,
                context=options.context,
                dialed=destination.party.number,
                caller=wanted.party,
                party=destination.party,
                call=wanted.call or (channels[0].call if channels else None),
            )
            channel.priority = destination.q
            channel.headers = list(wanted.headers)
            channel.variables.update(wanted.variables)
            if (full := self.enter(session)) is not None:
                refused = full
                channel.end(full)
                continue
            self.add(session)
            channels.append(channel)
        if not channels and refused is not None:
            raise Unroutable(refused)
        if caller is None and channels:
            self.due.add(channels[0].call.id)
        return channels

    def forwarded(self, session: Session, diversions: tuple[str, ...] = ()) -> None:
        """Let the caller know that his call goes elsewhere, if his technology has words for it.

        With `diversions` it is the caller's leg that calls on: it names who has forwarded it, and bears that one's count to its end.
        """
        owner = session.channel.call.owner
        leg: Any = None if owner is None else owner.leg
        if diversions and leg is not None and hasattr(leg, "forwarders"):
            leg.diversions = (*diversions, *leg.diversions)
            if session.counted:
                leg.forwarders += ((session.options.id, session.counted),)
                session.counted = ""
        forwarded = getattr(leg, "forwarded", None)
        if forwarded is not None:
            forwarded()

    # -- what messages say -------------------------------------------------------------------------------------------

    def abilities(self, options: Endpoint, *, reliable: bool = True) -> Fields:
        """Return Allow and Supported as they stand in our requests and answers; not `reliable`: without 100rel."""
        generation = self.engine.generation
        if generation is not self._generation:
            self._generation = generation
            self._abilities.clear()
        kind = (reliable and options.rel100 != "no", options.timers != "no")
        found = self._abilities.get(kind)
        if found is None:
            offer = generation.offer
            left_out = ("" if kind[0] else "100rel", "" if kind[1] else "timer")
            supported = ", ".join(tag for tag in EXTENSIONS if tag not in left_out)
            found = self._abilities[kind] = [("Allow", offer.allow)] + ([("Supported", supported)] if supported else [])
        return found

    def timer_of(self, options: Endpoint) -> SessionTimer | None:
        """Return the session timer of a call with an endpoint; None: it has none."""
        if options.timers == "no":
            return None
        return SessionTimer(options.timers, options.timers_min_se, options.timers_sess_expires)

    def unknown(self, tags: Iterable[str]) -> list[str]:
        """Return the option tags that nobody here understands."""
        known = {*EXTENSIONS, *(AROUND & self.engine.generation.offer.extensions)}
        return [tag for tag in tags if tag.lower() not in known]

    def shown(self, session: Outgoing) -> tuple[str, Fields]:
        """Return From (without tag) and identity of a call that we place."""
        channel = session.channel
        return outgoing(session.options, channel.caller, self.engine.domains.first.id, session.diversions)

    def connected_fields(self, session: Session, party: Party) -> Fields:
        """Return the fields that show the peer who it is connected to."""
        return connected(session.options, party, self.engine.domains.first.id) if party.number else []

    def user_of(self, party: Party) -> str:
        """Return the user part of our Contact on a leg that shows this party; "" when it is not to be shown."""
        return user_text(party.number) if party.number and party.presentation.value == "allowed" else ""

    def extras(self, headers: Iterable[tuple[str, str]]) -> Fields:
        """Return the fields that routing code wants in an INVITE, but for those that are the session's own; on one line each."""
        return [(name, " ".join(value.splitlines())) for name, value in headers if name.lower() not in STRUCTURAL]

    def refuse_body(self, message: Request, passage: Passage) -> bool:
        """Refuse a body within a session that cannot be used (8.2.3); False: it may be ignored, or its type is known."""
        if "handling=optional" in (message.get("content-disposition") or "").replace(" ", "").lower():
            return False
        offer = self.engine.generation.offer
        if message.content_type in offer.accepts or message.content_type.startswith(MULTIPART):
            refusal = refusal_of(message, offer)
            if refusal is None:
                return False
            passage.reply(refusal.status, refusal.reason, refusal.headers, because=refusal.because)
            return True
        passage.reply(415, headers=(("Accept", offer.accept),), because=f"channel: nobody here understands {message.content_type}")
        return True
