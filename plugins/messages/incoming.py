"""A MESSAGE that comes outside a dialog: what it has to be, whom it is from, what it is answered. RFC 3428 4 to 8, RFC 3261 8.2.

Rule: a job that does not wait. It is from who its sender has proved to be; what he says beyond that counts by the rules of calls. The
answer is the recipient's, 202 where it is kept; what is wrong with the message is said before anybody is looked for.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.core import Fate, Receipt, Text
from pipeline.destinations import NOBODY, TECHNOLOGY
from pipeline.destinations.identity import NOWHERE, caller_of, outgoing
from pipeline.location import called
from pipeline.sip.grammar import SECONDS, number

from .lines import carried, date_of, joined

if TYPE_CHECKING:
    from pipeline import Passage, Pending, Request
    from pipeline.dal import Endpoint
    from pipeline.engine import Pipeline

    from .messages import Messages

DATAGRAM = 1300
"""Octets of a MESSAGE that may come by a datagram: RFC 3428 8."""
HOPS = 70
LONGEST = 10 * 365 * 86400
"""Seconds beyond which an Expires means nothing."""


def take(options: Messages, passage: Passage) -> Pending | None:
    """Take a MESSAGE; a job of the lane of its recipient. Raises Malformed."""
    engine = passage.pipeline
    message: Request = passage.message  # type: ignore[assignment]
    flow = passage.flow
    who = called(engine, message.uri, flow)
    if who is None:
        passage.reply(404, because=f"messages: {message.uri} is no address of record of ours")
        return None
    if (refusal := _unfit(options, message, passage)) is not None:
        status, reason, accept, because = refusal
        passage.reply(status, reason, accept, because=f"messages: {because}")
        return None
    hops = message.max_forwards
    if hops == 0:
        passage.reply(483, because="messages: Max-Forwards is 0")
        return None
    first = message.first
    now = engine.clock.time()
    endpoint = passage.endpoint
    author, fields = _author(message, passage, endpoint)
    lines = carried(message, HOPS if hops is None else min(hops, HOPS) - 1, author, fields, hidden=_hidden(message, author, engine))
    if "date" not in first:
        lines.append(f"Date: {date_of(int(now))}")
    text = Text(
        who.aor,
        message.body,
        message.uri_text if who.secure or who.gruu is not None else "",
        first.get("content-type") or "",
        endpoint.id if endpoint is not None else flow.peer[0],
        endpoint is None,
        author.partition(";tag=")[0],
        TECHNOLOGY,
        joined(lines),
        now,
    )
    text.cause = passage
    if "expires" in first:
        seconds = number(first["expires"], SECONDS, "Expires")
        if seconds < LONGEST:
            text.expires_at = now + seconds
    if options.copy_to_sender and endpoint is not None:
        return engine.core.messages.send(text, partial(_answer_and_copy, options, passage, text))
    return engine.core.messages.send(text, partial(answer, options, passage))


def _unfit(options: Messages, message: Request, passage: Passage) -> tuple[int, str, tuple[tuple[str, str], ...], str] | None:
    """Return what is wrong with a MESSAGE: status, reason phrase, header fields, and why."""
    body = message.body
    packet = passage.packet
    if not passage.flow.reliable and packet is not None and len(packet.data) > DATAGRAM:
        return 513, "", (), f"{len(packet.data)} octets in a datagram, where RFC 3428 8 allows {DATAGRAM}: such go by TCP or TLS"
    if len(body) > options.max_bytes:
        return 413, "", (), f"max_bytes: a body of {len(body)} octets"
    if not body:
        return None
    kind = message.content_type
    if not kind:
        return 400, "Missing Content-Type", (), "a body needs a Content-Type (RFC 3261 20.15)"
    if options.types and kind not in options.types:
        return 415, "", (("Accept", ", ".join(options.types)),), f"types: {kind} is not among them"
    return None


def _author(message: Request, passage: Passage, endpoint: Endpoint | None) -> tuple[str, list[tuple[str, str]]]:
    """Return the From of a message that is passed on, and the identity fields that go with it.

    It is its sender's own, which `auth` has looked at. What else it may be called is said as of calls: by its endpoint's options, or by
    itself where it is trusted.
    """
    first = message.first
    value = first["from"]
    if endpoint is None:
        if "privacy" not in first:
            return value, []
        endpoint = NOBODY
    elif not (endpoint.caller_id or endpoint.privacy or "privacy" in first or "p-preferred-identity" in first or NOWHERE in value) and (
        not endpoint.trust_id_inbound or ("p-asserted-identity" not in first and "remote-party-id" not in first)
    ):
        return value, [("P-Asserted-Identity", f"<{message.from_.uri.text}>")] if passage.identity else []
    engine = passage.pipeline
    party = caller_of(message, endpoint, engine, passage.flow)
    author, fields = outgoing(NOBODY, party, engine.domains.first.id)
    tag = message.from_.tag  # RFC 2543 peers have none
    return f"{author};tag={tag}" if tag else author, fields


def _hidden(message: Request, author: str, engine: Pipeline) -> str:
    """Return the Call-ID that an anonymous message gets, the same whenever it is sent again; empty: it has a name."""
    if NOWHERE not in author:
        return ""
    return engine.identifiers.tag_of(message.get("call-id") or "", message.get("from") or "", "")


# -- answers ---------------------------------------------------------------------------------------------------------


def answer(options: Messages, passage: Passage, receipt: Receipt) -> None:
    """Answer a MESSAGE with what became of it (RFC 3428 7)."""
    fate = receipt.fate
    if fate is Fate.DELIVERED:
        passage.reply(200)
        return
    status, reason = status_of(receipt, options.absent)
    fields = (("Retry-After", str(receipt.seconds)),) if receipt.seconds and status >= 400 else ()
    passage.reply(status, reason, fields, because=f"messages: {receipt}")


def status_of(receipt: Receipt, absent: int = 480) -> tuple[int, str]:
    """Return the status and reason phrase that say what a receipt says; `absent` where nobody is there and nothing is kept."""
    fate, code = receipt.fate, receipt.code
    if fate is Fate.DELIVERED:
        return 200, ""
    if fate is Fate.ACCEPTED:
        return 202, ""
    if fate is Fate.ABSENT:
        return absent, ""
    if fate is Fate.UNKNOWN:
        return 404, ""
    if fate is Fate.TOO_LARGE:
        return code if code in (413, 513) else 513, ""
    if fate is Fate.LIMITED:
        return 480, "Too Many Messages"
    if fate is Fate.REFUSED:
        return (code, "") if 400 <= code < 700 else (403, "")
    return 503, ""


def _answer_and_copy(options: Messages, passage: Passage, text: Text, receipt: Receipt) -> None:
    answer(options, passage, receipt)
    if receipt.taken:
        copy(passage, text)


def copy(passage: Passage, text: Text) -> None:
    """Send the sender's other devices what he has sent by this one."""
    engine: Any = passage.pipeline
    message: Any = passage.message
    own = engine.aor_of(message.from_.uri, passage.flow)
    if own is None or own not in passage.endpoint.aors:  # type: ignore[union-attr]
        return
    again = Text(own, text.body, "", text.kind, "", False, text.origin, TECHNOLOGY, text.details, text.created_at, text.expires_at)
    again.cause = passage
    engine.core.messages.copy(again, lambda place: place.is_at(passage))
