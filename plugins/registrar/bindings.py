"""What a REGISTER does to the bindings of its address of record: RFC 3261 10.3 steps 6 and 7, RFC 3327 5.3.

Rule: pure. `decide` looks at everything before it gives anything; what it gives is a Reply that refuses, or the whole Change.
Nothing here stores, sends or asks for the time. Expired bindings are not there: they are not compared with, not listed, not counted.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline import Address, Malformed, Reply, Uri
from pipeline.sip.message import STAR

from .answer import excess
from .interval import asked_of, expires_of
from .outbound import place_of, reg_id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline import Message
    from pipeline.dal import Aor, Contact

    Make = Callable[[Address, Contact | None, int], Contact]

REMEMBERED = 512
"""Letters of a Contact's parameters that are kept at most."""
MANY = 64
"""Contacts that one REGISTER may name beyond what is bound and what may be: those it removes, or names twice."""
LONGEST = 2048
"""Letters of a Contact, its URI and parameters. Kamailio (registrar, contact_max_size) and Asterisk take 512 of the URI; a push token
(RFC 8599) may stand in it, and feature tags behind it."""
HOUR = 3600
"""RFC 3261 10.3: an interval of an hour or more is never too brief."""
QUOTED = r'"(?>(?:[^"\\]|\\.)*)"'
OURS = "expires|pub-gruu|temp-gruu"
EXPIRES = re.compile(  # begins only where a run of blanks begins: a datagram full of them costs linear time
    rf"({QUOTED})|(?<![ \t])[ \t]*+;[ \t]*+(?:{OURS})[ \t]*+(?>(?:=[ \t]*+(?:{QUOTED}|[^;\"]*+))?)(?=;|$)", re.IGNORECASE
)


class Change:
    """What a REGISTER that may be carried out comes to."""

    __slots__ = ("added", "after", "gone", "refreshed")

    def __init__(self, live: Sequence[Contact]) -> None:
        self.after = live
        """The bindings that there are then, oldest first: what the 200 lists."""
        self.added: Sequence[Contact] = ()
        self.refreshed: Sequence[Contact] = ()
        self.gone: list[tuple[Contact, str]] = []
        """Bindings that end, and why: "expired", "request", or the option that drops them."""


def decide(
    message: Message, aor: Aor, stored: Sequence[Contact], now: float, make: Make, *, raises: bool = False, flows: bool = False
) -> Reply | Change:
    """Say what a REGISTER does. `make(address, old, seconds)` makes the record of one binding; `raises` lifts what is too brief.

    With `flows`, bindings are compared as RFC 5626 has it.
    """
    live = []
    for contact in stored:  # a loop: Python 3.11 makes a function for every list comprehension
        if contact.expires_at > now:
            live.append(contact)  # noqa: PERF401
    change = Change(live)
    if "contact" not in message.first:
        return change
    if len(live) < len(stored):
        change.gone = [(contact, "expired") for contact in stored if contact.expires_at <= now]
    value = message.first["contact"]
    # Hot: nearly every REGISTER has one Contact of one address.
    lone = "," not in value and value != "*" and "contact" not in message.repeated()
    contacts = [Address.parse(value, "Contact")] if lone else message.contacts
    if contacts is STAR:
        return _clear(message, change)
    if len(contacts) > MANY + aor.max_contacts + len(live):  # each is compared with each: a datagram can hold eight thousand
        return Reply(403, "Too Many Contacts", because=f"aor.{aor.id}: {len(contacts)} contacts in one REGISTER (max_contacts)")
    call_id, cseq = message.call_id, message.cseq.number
    after = change.after = live.copy()
    made: list[Contact] = []
    for address in contacts:
        seconds = _seconds(address, message, aor, raises)
        if type(seconds) is not int:
            return seconds  # type: ignore[return-value]  # a Reply
        if "q" in address.params:
            _ = address.q  # raises Malformed
        place = _place(after, address.uri) if not flows else _flow_place(after, address)
        if place < 0:
            if seconds:
                if len(address.uri.text) + len(address.tail) > LONGEST:
                    return _too_long(address)
                made.append(make(address, None, seconds))
                after.append(made[-1])
            continue
        old = after[place]
        if old.call_id == call_id and cseq <= old.cseq and old not in made:
            return _out_of_order(cseq, old)
        if seconds:
            if len(address.uri.text) + len(address.tail) > LONGEST:
                return _too_long(address)
            made.append(make(address, old, seconds))
            after[place] = made[-1]
        else:
            del after[place]
    _compare(change, live, made)
    fitted = _fit(change, aor)
    if len(change.after) > 1 and made and type(fitted) is Change and (refused := excess(change, live)) is not None:
        return refused
    return fitted


def again(message: Message, aor: Aor, stored: Sequence[Contact], now: float) -> int:
    """Return for how many seconds the one binding that there is is granted again, when a REGISTER asks for that and nothing else.

    Hot: what phones send all day. 0: it is anything else, or wrong; then `decide` says what.
    """
    if len(stored) != 1:
        return 0
    old = stored[0]
    first = message.first
    value, known = first.get("contact"), f"<{old.uri}>{old.params}"
    if value is None or old.expires_at <= now or old.gruu or "contact" in message.repeated():
        return 0
    text = first.get("expires")
    if value != known:
        if value[: len(known)] != known or value[len(known) : len(known) + 9] != ";expires=":
            return 0
        text = value[len(known) + 9 :]
    if old.call_id == message.call_id and message.cseq[0] <= old.cseq:
        return 0
    if text is None:
        asked = max(aor.default_expiration, aor.minimum_expiration)
    elif len(text) < 9 and text.isdigit() and text.isascii():
        asked = int(text)
        if asked < HOUR and asked < aor.minimum_expiration:
            return 0
    else:
        return 0
    return min(asked, aor.maximum_expiration)


def _clear(message: Message, change: Change) -> Reply | Change:
    """Carry out `Contact: *` (10.3 step 6)."""
    if expires_of(message) != 0:
        return Reply(400, "Contact: * needs Expires: 0", because="'Contact: *' stands only with 'Expires: 0' (RFC 3261 10.2.2)")
    call_id, cseq = message.call_id, message.cseq.number
    for old in change.after:
        if old.call_id == call_id and cseq <= old.cseq:
            return _out_of_order(cseq, old)
    change.gone += [(old, "request") for old in change.after]
    change.after = []
    return change


def _too_long(address: Address) -> Reply:
    size = len(address.uri.text) + len(address.tail)
    return Reply(513, "Contact Too Long", because=f"a Contact of {size} letters, where {LONGEST} may be (RFC 3261 21.5.7)")


def _out_of_order(cseq: int, old: Contact) -> Reply:
    return Reply(500, "CSeq Not Higher", because=f"CSeq {cseq} is not above {old.cseq}, which this Call-ID had already (RFC 3261 10.3)")


def _seconds(address: Address, message: Message, aor: Aor, raises: bool) -> int | Reply:
    """Return the interval that is granted to one contact; 0 removes it."""
    asked = asked_of(address, message)
    if asked is None:  # our own default is never too brief
        asked = max(aor.default_expiration, aor.minimum_expiration)
    if asked < aor.minimum_expiration and 0 < asked < HOUR:
        if not raises:
            because = f"aor.{aor.id}: {asked} s is less than minimum_expiration"
            return Reply(423, headers=(("Min-Expires", str(aor.minimum_expiration)),), because=because)
        asked = aor.minimum_expiration
    return min(asked, aor.maximum_expiration)


def _place(bindings: list[Contact], uri: Uri) -> int:
    """Find the binding of a contact: the one written alike, else the first that is the same by RFC 3261 19.1.4."""
    if not bindings:
        return -1
    text = uri.text
    for place, contact in enumerate(bindings):
        if contact.uri == text:
            return place
    for place, contact in enumerate(bindings):
        with suppress(Malformed):  # what another program wrote into the store is not this request's fault
            if Uri.same(Uri.parse(contact.uri), uri):
                return place
    return -1


def _flow_place(bindings: list[Contact], address: Address) -> int:
    """Find the binding whose place a flow takes; else one of the same URI that is no flow: the same phone, before it spoke RFC 5626."""
    place = place_of(bindings, address)
    if place is not None:
        return place
    if not reg_id_of(address):
        return _place(bindings, address.uri)
    others = [contact for contact in bindings if not contact.reg_id]
    place = _place(others, address.uri)
    return place if place < 0 else bindings.index(others[place])


def _compare(change: Change, live: list[Contact], made: list[Contact]) -> None:
    """Find what was added, refreshed and removed; a contact may stand in one REGISTER more than once, and its last word counts."""
    if len(made) == 1:
        if not live and len(change.after) == 1:
            change.added = made
            return
        if len(change.after) == len(live) and made[0] in change.after:
            place = change.after.index(made[0])
            if made[0].id == live[place].id:
                change.refreshed = made
                return
    ids = {contact.id for contact in live}
    kept = {contact.id for contact in change.after}
    put = [contact for contact in change.after if contact in made]
    change.added = [contact for contact in put if contact.id not in ids]
    change.refreshed = [contact for contact in put if contact.id in ids]
    change.gone += [(contact, "request") for contact in live if contact.id not in kept]


def _fit(change: Change, aor: Aor) -> Reply | Change:
    """Hold the bindings to max_contacts; a REGISTER that adds none is never refused for what others did."""
    surplus = len(change.after) - aor.max_contacts
    if surplus <= 0 or not change.added:
        return change
    untouched = [contact for contact in change.after if contact not in change.added and contact not in change.refreshed]
    if surplus > len(untouched) or not aor.remove_existing:
        why = "max_contacts" if surplus > len(untouched) else "remove_existing"
        return Reply(403, "Too Many Contacts", because=f"aor.{aor.id}: more than {aor.max_contacts} bindings ({why})")
    dropped = sorted(untouched, key=lambda contact: contact.expires_at)[:surplus]
    change.after = [contact for contact in change.after if contact not in dropped]
    change.gone += [(contact, "max_contacts") for contact in dropped]
    return change


def without_expires(tail: str) -> str:
    """Return the parameters of a Contact as received, but for `expires` and GRUUs: what we grant is told by ourselves (RFC 5627 5.1)."""
    return _remembered(tail) if len(tail) <= REMEMBERED else _without_expires(tail)


def _without_expires(tail: str) -> str:
    lower = tail.lower()
    if "expires" not in lower and "-gruu" not in lower:
        return tail
    return EXPIRES.sub(lambda found: found[1] or "", tail).rstrip(" \t")


_remembered = lru_cache(maxsize=4096)(_without_expires)


def path_of(message: Message, aor: Aor, *, needs_support: bool) -> tuple[str, ...] | Reply:
    """Return the Path that a REGISTER's bindings get (RFC 3327 5.3). Raises Malformed."""
    if not aor.support_path:
        if "path" in [tag.lower() for tag in message.require]:
            return Reply(420, headers=(("Unsupported", "path"),), because=f"aor.{aor.id}: support_path is false")
        return ()
    if needs_support and "path" not in [tag.lower() for tag in (*message.supported, *message.require)]:
        because = "path_needs_support: a Path was put in, but the phone does not say 'Supported: path' (RFC 3327 5.3)"
        return Reply(420, headers=(("Unsupported", "path"),), because=because)
    _ = message.paths  # each must be an address
    return tuple(message.values("path"))
