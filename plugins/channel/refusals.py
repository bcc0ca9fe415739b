"""What a refusal of our INVITE leads to: another interval, another place, or the end. RFC 3261 8.1.3.4, 16.7; RFC 4028 7.3; RFC 5806.

Rule: a 3xx is an instruction to us, and whoever gives it may not have more called than he could call himself: a phone in the wrong hands
would answer 302 with an expensive number. So what it names is dialled in its own context, by the core (`redirect_method` "user"), and the
call counts as one of its own until it ends. Only of who is trusted with it ("uri") the URIs are called as they are: each place once, and
whose place it is says how it is called: with its options, and counted against its limits. What proves us to one is never offered to
another (targets.redirected). The caller is told that he is being forwarded (181), the next callee by whom (Diversion).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from pipeline import Uri
from pipeline.destinations.identity import diversion, diversions_from

from .causes import challenge_of, hangup_of
from .exchange import obtain
from .session import MEDIA
from .usage import EARLY

if TYPE_CHECKING:
    from pipeline import Response
    from pipeline.core import Hangup
    from pipeline.destinations.targets import Destination

    from .outgoing import Outgoing

RETRIES = 4
"""INVITEs sent anew for a 422 (RFC 4028 7.3): each raises the interval, whoever asks more often plays with us."""
NUMBER = re.compile(r"\+?[0-9*#.()-]+", re.ASCII)
"""A user part that is a telephone number (RFC 3966), with or without what makes it readable."""
FLOW_FAILED = frozenset((408, 430))
"""What says that a flow leads nowhere any more (RFC 5626 7)."""
FOLLOWED = 10
"""Places that one call is redirected to at most (RFC 3261 8.1.3.4 wants each tried once)."""


def refused(session: Outgoing, response: Response) -> None:
    """Take a final answer that is no 2xx."""
    if session.won is not None:
        return
    status = response.status
    if session.cancelled or session.state != EARLY:
        session.release()
        return
    _settle(session, status, response.cseq.number)
    if status == 422 and session.timer is not None and session.retries < RETRIES and session.timer.too_small(response):
        session.retries += 1
        _again(session)
        return
    if status in FLOW_FAILED and _by_another_flow(session):
        return
    hangup = hangup_of(response)
    if session.options.pass_challenges and not session.options.outbound_auth:
        hangup = challenge_of(response, hangup)
    method = session.options.redirect_method if session.endpoint is not None else "no"
    if hangup.targets and method == "uri":
        _follow(session, hangup, response)
    elif hangup.targets and method == "user":
        _forward(session, hangup, response)
    elif status < 600:
        _onward(session, hangup)
    else:
        session.come_to_nothing(hangup)


def unreached(session: Outgoing, hangup: Hangup) -> None:
    """Nobody has answered at all."""
    asking = session.asking
    _settle(session, 408, 0 if asking is None or asking.branch is None else asking.branch.message.cseq.number)
    if not _by_another_flow(session):
        _onward(session, hangup)


def _settle(session: Outgoing, status: int, cseq: int) -> None:
    """Leave what this INVITE has made; the next has a higher number."""
    for fork in session.forks.values():
        session.disown(fork.dialog)
        fork.exchange.received("INVITE", status)
    if not session.forks:
        session.exchange.received("INVITE", status)
    session.cseq = max(session.cseq, cseq)


def _by_another_flow(session: Outgoing) -> bool:
    """Call the same phone by its next flow; False: it has no other."""
    others = session.destination.others
    if others:
        session.destination = attrs.evolve(others[0], others=others[1:])
        _again(session)
    return bool(others)


def _onward(session: Outgoing, hangup: Hangup) -> None:
    """Go on to the next place that a 3xx named, if there is one."""
    while session.elsewhere:
        if _take(session, session.elsewhere.pop(0)):
            _again(session)
            return
    session.come_to_nothing(hangup)


def _again(session: Outgoing) -> None:
    """Send the INVITE anew, with a CSeq above the one that was refused."""
    session.forks.clear()
    session.dialog = None  # type: ignore[assignment]
    session.part()
    session.flow = None  # who answers next may be elsewhere
    session.send()


def _follow(session: Outgoing, hangup: Hangup, response: Response) -> None:
    """Call where the callee is said to be instead; each place once (8.1.3.4)."""

    def found(destinations: list[Destination]) -> None:
        if session.state != EARLY or session.cancelled:
            session.release()
            return
        new = [each for each in destinations if each.uri not in session.visited][:FOLLOWED]
        if not new or len(session.visited) > FOLLOWED:
            _onward(session, hangup)
            return
        session.visited.update(each.uri for each in new)
        session.elsewhere = new + session.elsewhere
        session.diversions = (*_diverted(session, response), *session.diversions)
        session.driver.forwarded(session)
        _onward(session, hangup)

    owner = session.channel.call.owner
    who = None if owner is None else getattr(owner.leg, "called", None)
    secure = session.destination.uri[:5].lower() == "sips:" or (who is not None and who.secure)
    targets = session.driver.targets
    obtain(lambda: targets.redirected(hangup, session.options, secure=secure), found, lambda _: session.come_to_nothing(hangup))


def _forward(session: Outgoing, hangup: Hangup, response: Response) -> None:
    """Have dialled for the callee what it names instead: the core routes it as a call of the callee's own."""
    options = session.options
    targets = dict.fromkeys(_extension(session, text) for text in hangup.targets)
    if not session.told_end:
        session.driver.forwarded(session, _diverted(session, response))
    session.come_to_nothing(attrs.evolve(hangup, targets=tuple(targets)[:FOLLOWED], forwarder=options.id, context=options.context))


def _extension(session: Outgoing, text: str) -> str:
    """Return what a phone would dial to get to this URI: a number is one whatever its host is, others are whole but in our domains."""
    scheme, _, rest = text.partition(":")
    if scheme.lower() == "tel":
        return rest.partition(";")[0]
    uri = Uri.parse(text)
    user = uri.user_unescaped
    if NUMBER.fullmatch(user) or session.driver.engine.domain_of(uri.host, session.flow) is not None:
        return user
    return f"{user}@{uri.host}"


def _diverted(session: Outgoing, response: Response) -> tuple[str, ...]:
    """Return by whom the call is forwarded now, the latest first (RFC 5806)."""
    ours = diversion(session.channel.party, "deflection", session.driver.engine.domains.first.id)
    return diversions_from(response, session.options) or (ours,)


def _take(session: Outgoing, destination: Destination) -> bool:
    """Make the session one with this place; False: its endpoint has too many calls already."""
    driver, options, channel = session.driver, destination.endpoint, session.channel
    if options.id != session.options.id:
        driver.uncount(session)
        session.options, session.endpoint = options, options if options.id else None
        channel.endpoint = options.id
        for name in MEDIA:
            channel.variables.pop(name, None)
        session.timer = driver.timer_of(options)
        if driver.enter(session) is not None:
            return False
    session.destination = destination
    if destination.party.number:
        channel.told_connected(destination.party)
    return True
