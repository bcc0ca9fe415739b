"""One leg of a call as the trace knows it: a Call-ID, the channel if there is one, and what its messages mean in their order.

Rule: nothing here raises for what came from the network; a field that cannot be read is not there.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Any

from pipeline.bind import write_address
from pipeline.passage import Reply
from pipeline.sip.grammar import Malformed
from pipeline.sip.session_timer import session_expires_of
from pipeline.trace.ending import Happened, Refusal, ended_by
from pipeline.trace.record import AGAIN, CAME, HELD, LATER, TOLD, Record

if TYPE_CHECKING:
    from pipeline.core import Channel
    from pipeline.core.call import Call as CoreCall
    from pipeline.sip.message import Message
    from pipeline.trace.ending import Ending
    from pipeline.trace.record import Scribe, Seen
    from pipeline.trace.tap import Viewer

SEEN = 256
"""Messages of a leg of which it is known whether they come again."""
BEGINNING = 64
"""Messages and events of a call kept for a filter that matches later."""
_DIRECTION = re.compile(rb"(?m)^a=(sendrecv|sendonly|recvonly|inactive)\r?$")
_ORIGIN = re.compile(rb"(?m)^o=.*$")


def call_id_of(channel: Channel) -> str:
    """Return what names the leg of a channel: its Call-ID; of other technologies the channel's name."""
    return getattr(channel.leg, "call_id", "") or channel.name


class Call:
    """The legs of one call."""

    __slots__ = ("began", "by", "core", "ending", "kept", "key", "legs", "until", "viewers", "was")

    def __init__(self, key: str, began: float) -> None:
        self.key = key
        """The id of the core's call; of one that the core does not know its Call-ID."""
        self.was = ""
        """The key that it had before the core knew it, until that is told."""
        self.core: CoreCall | None = None
        self.began = began
        self.legs: list[Leg] = []
        self.by = ("", "")
        """Who ended it, and how."""
        self.ending: Ending | Refusal | None = None
        self.until = 0.0
        """When its end is told, whatever is still open."""
        self.viewers: list[Viewer] = []
        """Those who are shown it."""
        self.kept: deque[tuple[Seen, Message | None, Record]] = deque(maxlen=BEGINNING)

    def heard_end(self, happened: Happened) -> None:
        """Hear that a channel has ended: the first that matters says who ended the call."""
        if not self.by[1]:
            self.by = ended_by(self, happened)


class Leg:
    """One side of a call."""

    __slots__ = (
        "_seen",
        "call",
        "call_id",
        "channel",
        "final",
        "hung_up",
        "open",
        "origins",
        "party",
        "session",
        "timed_out",
    )  # fmt: skip

    def __init__(self, call: Call, call_id: str, seen: Seen | None = None, message: Message | None = None) -> None:
        self.call = call
        self.call_id = call_id
        self.channel: Channel | None = None
        self.party = ""
        self.hung_up = ""
        """BYE or CANCEL, when the far side has sent one."""
        self.final = 0
        """The final answer that the far side gave to our INVITE, when it was none of success."""
        self.open: dict[tuple[int, str], str] = {}
        """(CSeq, method) of what has no answer yet, or no ACK -> how it is said."""
        self.origins: dict[bool, bytes] = {}
        """Ours and theirs: the o= line of the description that was sent last."""
        self.timed_out = False
        """It did not answer our INVITE, or not within the time that it was given."""
        self.session: tuple[int, str] | None = None
        self._seen: set[int] = set()
        if seen is not None and message is not None:
            self.party = _party(message, ours=(seen[0] is CAME) is message.is_request) or write_address(seen[5].peer[:2])

    def become(self, channel: Channel) -> None:
        """Take the channel that it has become."""
        self.channel = channel
        self.party = channel.endpoint or channel.party.number or self.party or channel.technology

    def names(self, event: str, at: float) -> Record:
        """Begin a record of something that happened to this leg."""
        channel = self.channel
        return {
            "time": at, "kind": TOLD, "event": event, "call": self.call.key, "call_id": self.call_id,
            "channel": "" if channel is None else channel.name, "party": self.party,
            "direction": "" if channel is None else channel.direction,
        }  # fmt: skip

    # -- what a message means here -------------------------------------------------------------------------------------

    def marks(self, seen: Seen, message: Message) -> Record:
        """Return what the place of a message in its call adds to its record."""
        kind, raw = seen[0], seen[4]
        channel = self.channel
        found: Record = {"call": self.call.key, "channel": "" if channel is None else channel.name, "party": self.party}
        if kind is not LATER:
            mark = hash((kind is CAME, raw))
            if kind is AGAIN or mark in self._seen:
                found["again"] = True
            if len(self._seen) >= SEEN:
                self._seen.clear()
            self._seen.add(mark)
        body = message.body
        described = b"v=0" in body[:5] or (b"multipart" in (message.get("content-type") or "").encode() and b"\nv=0" in body)
        if described:
            direction = _DIRECTION.search(body)
            found["sdp"] = direction[1].decode() if direction is not None else "sendrecv"
        try:
            if message.is_request:
                self._within(message, found, kind is CAME, _ORIGIN.search(body) if described else None)
            else:
                self._timer(message, found, ours=kind is CAME)
        except Malformed:
            pass
        if described and kind is not LATER and (origin := _ORIGIN.search(body)) is not None:
            self.origins[kind is CAME] = origin[0]
        return found

    def _within(self, message: Any, found: Record, came: bool, origin: re.Match[bytes] | None) -> None:
        if not message.to.tag:
            return
        found["within"] = True
        if message.method in ("INVITE", "UPDATE") and "session-expires" in message.first:
            found["refresh"] = origin is None if message.method == "UPDATE" else origin is not None and origin[0] == self.origins.get(came)

    def _timer(self, message: Any, found: Record, *, ours: bool) -> None:
        """Tell the session timer that a 2xx sets; `ours`: we asked."""
        if not 200 <= message.status < 300 or "session-expires" not in message.first:
            return
        expires = session_expires_of(message)
        if expires is None:
            return
        we = (expires.refresher == "uac") is ours
        if self.session != (expires.seconds, "" if we else self.party):
            self.session = (expires.seconds, "" if we else self.party)
            found["session"] = {"seconds": expires.seconds, "refresher": self.session[1]}

    def settle(self, seen: Seen, message: Any, *, again: bool, dropped: bool) -> None:
        """Note what is open, who wants to end it, and how the far side refused."""
        kind = seen[0]
        if again or kind in (HELD, LATER):
            return
        try:
            number, method = message.cseq.number, message.cseq.method
        except Malformed:
            return
        if message.is_request:
            if method == "ACK":
                self.open.pop((number, "ACK"), None)
            elif not dropped:
                self.open[number, method] = f"{method} {'of' if kind is CAME else 'to'} {self.party}"
            if kind is CAME and method in ("BYE", "CANCEL") and not self.hung_up:
                self.hung_up = method
        elif message.status >= 200:
            self.open.pop((number, method), None)
            if method == "BYE" and message.status < 300:  # who has never acknowledged does not do so any more
                self.open = {key: what for key, what in self.open.items() if key[1] != "ACK"}
            elif method == "INVITE":
                self.open[number, "ACK"] = f"{message.status} {'of' if kind is CAME else 'to'} {self.party}"
                if kind is CAME:
                    self.final = message.status if message.status >= 300 else 0

    def timeout(self, message: Message) -> str:
        """Hear that a request, or the answer to one, has come to nothing; returns its method."""
        number, _, method = (message.get("cseq") or "").partition(" ")
        key = (int(number) if number.isdigit() else 0, "INVITE")
        if method == "INVITE" and key in self.open:
            del self.open[key]
            self.timed_out = True
        return method

    def refusal(self, seen: Seen, message: Any, scribe: Scribe) -> Refusal | None:
        """Return how a call ends that the core never knew; None: it goes on."""
        kind, at, _, passage, _, _ = seen
        try:
            method = message.cseq.method
        except Malformed:
            return None
        status = message.status
        if method == "BYE" and status < 300:
            return Refusal(self.call, scribe.time(at), at, 0, "", self.party if self.hung_up else "", "hung up")
        if method != "INVITE" or status < 300 or status in (401, 407):
            return None
        by = self.party if kind is CAME else ""
        because = ""
        if passage is not None and passage.decided is not None and type(passage.decided[2]) is Reply:
            because = passage.decided[2].because
        how = ("gave up" if self.hung_up == "CANCEL" else "hung up") if self.hung_up else "refused"
        return Refusal(self.call, scribe.time(at), at, status, because or message.reason, self.party if self.hung_up else by, how)


def _party(message: Message, *, ours: bool) -> str:
    """Return the user at the far side: who sent the request (`ours`: to us), or whom it is for."""
    try:
        uri = (message.from_ if ours else message.to).uri
        return uri.user_unescaped or uri.host
    except Malformed:
        return ""
