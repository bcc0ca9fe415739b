"""The channel driver for SIP: what comes begins a session, what the core wants called begins one too. RFC 3261 13, architecture section 1.

Rule: dispatch and nothing else. `driver` holds the sessions, `incoming`, `outgoing` and `in_dialog` do the work.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Claim, Pending, Reply, Wait, hookimpl, option, plugin
from pipeline.core import Cause, Dialed, Hangup, Unroutable
from pipeline.dal import StorageError
from pipeline.destinations.identity import caller_of
from pipeline.destinations.targets import NOBODY
from pipeline.location import called

from .bodies import SDP
from .causes import status_of
from .driver import EXTENSIONS, Driver
from .incoming import extension_of
from .session import SERVANT

if TYPE_CHECKING:
    from pipeline import Message, Passage, Request, Uri, Verdict
    from pipeline.core import Channel as CoreChannel
    from pipeline.core import Wanted
    from pipeline.engine import Pipeline
    from pipeline.location import Called

AGAIN = 5
"""Seconds after which a call that was one too many may be tried again, and as many by chance: as the engine says when it is overloaded."""


@plugin
class Channel:
    """Takes and places calls: INVITE sessions as legs of the channel core. RFC 3261 12 to 15."""

    stage: ClassVar[str] = "application"
    after: ClassVar[tuple[str, ...]] = ("redirect", "sqlite")
    names_users: ClassVar[bool] = True
    """A target without a scheme is a user or an endpoint: what `sipline check` holds `dial` to."""
    methods: ClassVar[tuple[str, ...]] = ("INVITE", "ACK", "CANCEL", "BYE", "PRACK", "UPDATE", "INFO")
    accepts: ClassVar[tuple[str, ...]] = (SDP, "multipart/mixed", "multipart/alternative", "application/dtmf-relay", "application/dtmf")
    extensions: ClassVar[tuple[str, ...]] = EXTENSIONS
    needs: ClassVar[tuple[str, ...]] = ("endpoint", "aor", "contact")

    # FreeSWITCH's max-sessions (switch.conf.xml) is 1000, and many raise it; a channel costs 17 kB here (measured: 6,000 held by SIPp), so
    # this many take 170 MB. Calls of 16 s at the rate that one core carries (300 a second, bench/) are as many.
    max_channels: int = option(
        10000,
        validator=attrs.validators.ge(0),
        help="legs of calls at once, of all endpoints together (a call between two phones has two): what would begin is refused then (503),"
        " what has begun goes on; 0 = no limit",
    )

    driver: Any = attrs.field(init=False, default=None)

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Take over the sessions that live, if this is a reload."""
        self.driver = engine.state(self, lambda: Driver(engine))
        self.driver.limits.all = self.max_channels

    @hookimpl
    def stop(self) -> None:
        """Follow the stores no more; the calls that live go on without."""
        if self.driver is not None:
            self.driver.targets.close()

    @hookimpl
    def application(self, message: Request, passage: Passage) -> Verdict | None:
        """Take an INVITE; what belongs inside a session and names none is 481."""
        method = message.method
        if method != "INVITE":
            return Reply(481, because=f"channel: a {method} of no session", stateless=True) if method in self.methods else None
        if "accept" in message.first and (refused := self._unacceptable(message)) is not None:
            return refused
        if (unknown := self._unknown(message.uri, passage)) is not None:
            return unknown
        if self.driver.full:
            return self._full(passage)
        session = self.driver.incoming(passage.endpoint)
        return Claim(SERVANT, session.id, session.begin)

    @hookimpl
    def invite_reply(self, message: Message, passage: Passage) -> Verdict | None:
        """Say what a call to this URI would get: ask who routes, without calling."""
        engine = self.driver.engine
        uri = message.uri  # type: ignore[attr-defined]
        if (unknown := self._unknown(uri, passage)) is not None:
            return unknown
        if self.driver.full:
            return self._full(passage)
        who = called(engine, uri, passage.flow)
        endpoint = passage.endpoint or NOBODY
        caller = caller_of(message, endpoint, engine, passage.flow)  # type: ignore[arg-type]
        dialed = Dialed(endpoint.context, extension_of(uri, who), uri.text, caller, endpoint.id, "sip")
        found = engine.generation.hooks["integration"].route_call(dialed=dialed)
        if isinstance(found, Pending):
            return Wait(found, partial(self._routed, dialed, who), _unavailable, because="route_call")
        return self._routed(dialed, who, found)

    def _unknown(self, uri: Uri, passage: Passage) -> Reply | None:
        engine = self.driver.engine
        if engine.domain_of(uri.host, passage.flow) is None:
            return Reply(404, because=f"channel: {uri} is in no domain of ours")
        if "gr" in uri.params and engine.aor_of(uri, passage.flow) is None:
            return Reply(404, because="channel: a GRUU that nobody was given (RFC 5627 6.1)")
        return None

    def _routed(self, dialed: Dialed, who: Called | None, script: Any) -> Verdict:
        if script is None:
            return _refusal(Hangup(Cause.UNALLOCATED))
        try:
            places = self.driver.targets.find(dialed.extension, who)
        except (Unroutable, StorageError) as error:
            return _failed(error)
        if isinstance(places, Pending):
            return Wait(places, _reachable, _failed, because="contact")
        return _reachable(places)

    @hookimpl
    def channel_request(self, target: str, wanted: Wanted) -> list[CoreChannel] | Pending | None:
        """Make channels for a target."""
        found: list[CoreChannel] | Pending | None = self.driver.request(target, wanted)
        return found

    @hookimpl
    def credentials(self, realm: str, passage: Passage) -> tuple[str, dict[str, str]] | None:
        """Answer those who challenge us as the endpoint's `outbound_auth` says."""
        found: tuple[str, dict[str, str]] | None = self.driver.credentials.answer(realm, passage.endpoint)
        return found

    def sessions(self) -> list[dict[str, Any]]:
        """Return what every session says about itself."""
        return [{"id": session.id, "direction": session.direction, **session.show()} for session in self.driver.sessions.values()]

    def _full(self, passage: Passage) -> Reply:
        """Refuse a call without keeping anything of it; later by a different time for each, so that they do not all come back at once."""
        engine = self.driver.engine
        engine.counts["refused.channels"] += 1
        seconds = str(AGAIN + engine.identifiers.below(AGAIN))
        return Reply(503, headers=(("Retry-After", seconds),), because="plugin.channel: max_channels is reached", stateless=True)

    def _unacceptable(self, message: Request) -> Reply | None:
        ranges = {item.partition(";")[0].replace(" ", "").lower() for item in message.values("accept")}
        if not ranges.isdisjoint((SDP, "application/*", "*/*")) or not message.get("accept"):
            return None
        domain = self.driver.engine.domains.first.id
        warning = f'399 {domain} "Only {SDP} is offered here"'
        return Reply(406, headers=(("Accept", SDP), ("Warning", warning)), because=f"Accept excludes {SDP} (RFC 4475 3.3.15)")


def _reachable(_: Any) -> Verdict:
    return Claim(SERVANT, "", _never, because="channel: the call would be taken")


def _never(passage: Passage) -> None:
    """Say nothing: the claim of `invite_reply` is only looked at."""


def _failed(error: BaseException) -> Reply:
    return _refusal(error.hangup) if isinstance(error, Unroutable) else _unavailable(error)


def _refusal(hangup: Hangup) -> Reply:
    status, reason, fields = status_of(hangup)
    return Reply(status, reason, fields, because=f"channel: {hangup.text or hangup.cause.name}")


def _unavailable(error: BaseException) -> Reply:
    return Reply(503, headers=(("Retry-After", "5"),), because=f"channel: {error}")
