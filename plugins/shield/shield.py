"""Admission of packets, before a byte is parsed: who is known passes at once, strangers meet lists, signatures, budgets and bans.

Rules. A peer is known when somebody logged in by it lately (known.py); whoever is not is a stranger, and so is every source that may be
forged. Budgets are charged for what strangers cost us: a challenge, a failed login, a request that cannot be read. They are asked before
the next packet of that source is looked at: one for all that is refused, and one for failed logins among these, which alone is asked for
credentials while their source does not fail. So a phone that answers its challenge does not wait behind a scanner that only asks, and who
fails gets one answer a second in all. Only a source that has proved that it receives our answers is banned, never one with a binding, a
dialog or a flow that is held for these. What is refused is dropped in silence, and told once. Datagrams and streams have budgets apart:
who forges datagrams in a name, or in thousands of names, takes nothing from a stream, whose source is no claim.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Drop, hookimpl, option, plugin
from pipeline.dal.acls import networks
from pipeline.dal.bans import source_of
from pipeline.prefixes import Prefixes, network
from pipeline.sip.stun import is_stun

from .watch import State

if TYPE_CHECKING:
    from pipeline import Packet, Passage
    from pipeline.engine import Pipeline

HEAD = 4096
"""Octets of a packet that are searched: start line and fields of any honest request stand there. Credentials are looked for in all of it:
who logs in wrongly is charged for that, wherever he has written it."""
SCANNERS = (
    "friendly-scanner",
    "friendly-request",
    "sipvicious",
    "sip-scan",
    "sipsak-scan",
    "sipcli",
    "sundayddr",
    "smap",
    "iwar",
    "vaxsipuseragent",
    "siparmyknife",
    "pplsip",
)
"""What SIP scanners call themselves in User-Agent, From or Subject; as Kamailio's and fail2ban's users list them."""
CREDENTIALS = re.compile(rb"\nauthorization[ \t]*:")
NO_TEXT = b"\x04"
"""What sorts below is empty or begins as STUN does (RFC 7983 7)."""
END = re.compile(rb"\n\r?\n")
TAG = b";tag="
TO = re.compile(rb"\r?\n(?:to|t)[ \t]*:([^\r\n]*)")
"""The To of a head: only what has a tag there belongs to a dialog, which is never challenged, or to none, which is 481."""


def signatures(_instance: Any, attribute: attrs.Attribute[Any], value: list[str]) -> None:
    """Validate `scanners`."""
    for text in value:
        if len(text) < 4:
            raise ValueError(f"{attribute.name} holds {text!r}: a signature has at least 4 characters, or it stands in honest requests too")


@plugin
class Shield:
    """Allow and deny lists, scanner signatures, rate limits and bans, before anything is parsed."""

    stage: ClassVar[str] = "transport"
    fail_closed: ClassVar[bool] = True

    allow: list[str] = option(
        factory=list, validator=networks, help="networks that no limit, signature or ban is for, as trunks and monitors"
    )
    deny: list[str] = option(
        factory=list, validator=networks, help="networks whose packets are dropped; the longest network of both decides"
    )
    scanners: list[str] = option(
        factory=lambda: list(SCANNERS),
        validator=signatures,
        help="signatures of scanners, in any case: a stranger's packet whose head holds one is dropped",
    )

    known_rate: float = option(
        20000.0, validator=attrs.validators.gt(0), help="packets a second from a peer that has logged in; twice as many at once"
    )
    remember: float = option(
        7200.0, unit="s", validator=attrs.validators.ge(60), help="how long a peer is known after it has logged in, at least"
    )
    rate: float = option(
        500.0, validator=attrs.validators.gt(0), help="packets a second from one stranger, of any kind; twice as many at once"
    )
    request_rate: float = option(
        1.0,
        validator=attrs.validators.gt(0),
        help="requests of one stranger a second that are refused, challenges and failed logins together; more where many peers are known",
    )
    request_burst: int = option(10, validator=attrs.validators.ge(1), help="such requests of one stranger at once")
    failure_rate: float = option(1.0, validator=attrs.validators.gt(0), help="failed logins a second from one source, of these")
    failure_burst: int = option(10, validator=attrs.validators.ge(1), help="failed logins from one source at once")
    global_rate: float = option(
        5000.0, validator=attrs.validators.gt(0), help="packets a second from all strangers together, by datagrams and by streams each"
    )
    global_request_rate: float = option(
        500.0, validator=attrs.validators.gt(0), help="challenges a second to all strangers together, by datagrams and by streams each"
    )
    global_failure_rate: float = option(
        200.0, validator=attrs.validators.gt(0), help="failed logins a second from all sources together, by datagrams and by streams each"
    )

    keepalive_rate: float = option(
        100.0,
        validator=attrs.validators.gt(0),
        help="STUN keepalives a second from one stranger that are answered, twice as many at once: of two thousand phones behind one"
        " address each sends one in 24 to 29 s (RFC 5626 4.4.2)",
    )
    global_keepalive_rate: float = option(
        2000.0, validator=attrs.validators.gt(0), help="STUN keepalives a second from all strangers together that are answered"
    )

    ban_score: float = option(
        10.0,
        validator=attrs.validators.ge(0),
        help="score at which a source is banned: a failed login counts 1, of whichever user, a scanner by a stream all; 0 = never",
    )
    ban_wears: float = option(30.0, unit="s", validator=attrs.validators.gt(0), help="time in which a point of the score wears off")
    ban_seconds: float = option(3600.0, unit="s", validator=attrs.validators.gt(0), help="how long a ban lasts")

    state: Any = attrs.field(init=False, default=None)
    lists: Prefixes[bool] | None = attrs.field(init=False, default=None)
    _engine: Any = attrs.field(init=False, default=None)
    _words: tuple[bytes, ...] = attrs.field(init=False, default=())
    _peers: dict[Any, float] = attrs.field(init=False, factory=dict)
    _step: float = attrs.field(init=False, default=0.0)
    _window: float = attrs.field(init=False, default=0.0)

    def __attrs_post_init__(self) -> None:
        listed = [(network(text), False) for text in self.deny] + [(network(text), True) for text in self.allow]
        self.lists = Prefixes(listed) if listed else None
        self._words = tuple(text.lower().encode() for text in self.scanners)
        self._step = 1.0 / self.known_rate
        self._window = 2.0

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Take over what is known from before a reload."""
        self._engine = engine
        self.state = engine.state(self, lambda: State(engine))
        self.state.serve(self)
        self._peers = self.state.known.peers

    @hookimpl
    def listen(self, engine: Pipeline) -> Any:
        """Read bans and bindings, now that the stores have begun and before anybody listens: whoever is listed behind it waits for that."""
        return self.state.read()

    @hookimpl
    def transport(self, packet: Packet, passage: Passage) -> Drop | None:
        """Let in, or drop."""
        peer = passage.flow.peer
        full_at = self._peers.get(peer)
        if full_at is None:
            return self._stranger(packet, passage)
        now = passage.arrived
        if full_at <= now:
            self._peers[peer] = now + self._step
            return None
        if full_at - now < self._window:
            self._peers[peer] = full_at + self._step
            return None
        return self.state.dropped("known_rate", passage)  # type: ignore[no-any-return]

    def _stranger(self, packet: Packet, passage: Passage) -> Drop | None:
        """Judge a packet of somebody who has not logged in by this peer. The cheapest questions come first."""
        state: State = self.state
        host = passage.flow.peer[0]
        source = source_of(host) if ":" in host else host
        if self.lists is not None and (listed := self.lists.find(host)) is not None:
            return None if listed else state.dropped("deny", passage)
        trunk = state.identified is not None and state.identified.find(host) is not None
        jail = state.jail
        if (jail.bans or jail.networks is not None) and jail.holds(source, host, trunk=trunk):
            return state.dropped("banned", passage)
        if trunk:
            return None
        now = passage.arrived
        reliable = passage.flow.reliable
        key = hash(source) + reliable  # a bucket for datagrams and one for streams
        data = packet.data
        first = data[:4]
        if first < NO_TEXT and not reliable and is_stun(data):
            return self._keepalive(packet, passage, key)
        if not state.packets.take(key, now):
            return state.dropped("rate", passage)
        if first.lower() != b"sip/":
            fields = _fields(data)
            if CREDENTIALS.search(fields):
                if not state.may_try(key, now, source) and not _within(fields):
                    return state.dropped("failure_rate", passage)
                spent = not state.all_failures[reliable].has(now)
            else:
                if not state.requests.has(key, now, state.scale(source)) and not _within(fields):
                    return state.dropped("request_rate", passage)
                spent = not state.all_requests[reliable].has(now)
            # Of all strangers together too many: what is left is for the neighbours of who is known, and for who repeats himself, as phones
            # do and floods do not.
            if spent and not (
                state.neighbours.take(now)
                if source in state.known.sources
                else state.repeated.seen(passage.flow.peer, data) and state.second_chance.take(now)
            ):
                return state.dropped("global_request_rate", passage)
        head = data[:HEAD].lower()
        for word in self._words:
            if word in head:
                state.scanner(passage, source, word.decode())
                return state.dropped("scanners", passage)
        if not state.all_packets[reliable].take(now):
            return state.dropped("global_rate", passage)
        return None

    def _keepalive(self, packet: Packet, passage: Passage, key: int) -> Drop | None:
        """Judge STUN: an answer costs little, but goes wherever the source says."""
        state: State = self.state
        now = passage.arrived
        if not state.keepalives.take(key, now):
            return state.dropped("keepalive_rate", passage)
        # As above: who is not answered asks again, seven times (RFC 5626 4.4.2), before he believes that his flow has failed.
        if not state.all_keepalives.take(now) and not (
            state.repeated.seen(passage.flow.peer, packet.data) and state.repeated_keepalives.take(now)
        ):
            return state.dropped("global_keepalive_rate", passage)
        return None

    def stats(self) -> dict[str, Any]:
        """Return the counters that `sipline show stats` shows."""
        return self.state.stats() if self.state is not None else {}

    @hookimpl
    def stop(self) -> None:
        """Listen no more."""
        if self.state is not None:
            self.state.stop()


def _fields(data: bytes) -> bytes:
    """Return start line and fields in lower case: what stands in the body says nothing."""
    data = data.lstrip(b"\r\n")
    end = END.search(data)
    return (data if end is None else data[: end.start()]).lower()


def _within(fields: bytes) -> bool:
    """Tell whether a request says that it is within a dialog: each To that it has, in a way that nobody can read otherwise."""
    tails = [field.rpartition(b">")[2] for field in TO.findall(fields)]
    return bool(tails) and all(TAG in tail and b'"' not in tail for tail in tails)
