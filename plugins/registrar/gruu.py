"""GRUUs of the phones that register: which they are told, and when the temporary ones of before are void. RFC 5627 5.1 to 5.3.

Rule: pure. What is stored is one number beside each binding, its phone's generation: a temporary GRUU holds as long as it carries that. A
phone that comes with another Call-ID was restarted and gets another, for all its bindings; so does one that had none left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from pipeline import Reply, Uri
from pipeline.gruu import GENERATION, NONCE, instance_of
from pipeline.sip.message import STAR

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline import Message
    from pipeline.dal import Contact
    from pipeline.gruu import Gruus
    from pipeline.identifiers import Identifiers

    from .bindings import Change

TAG = "gruu"


def wants(message: Message) -> bool:
    """Tell whether who registers can make use of GRUUs (RFC 5627 4.1)."""
    supported = message.first.get("supported")
    if supported is None or (TAG not in supported and "supported" not in message.repeated()):
        return False
    return TAG in [tag.lower() for tag in message.supported]


def refusal(message: Message, name: str, aor_of: Callable[[Uri], str | None]) -> Reply | None:
    """Refuse a phone whose Contact would lead back to its own address of record, or is no SIP URI (RFC 5627 5.1). Raises Malformed."""
    contacts = message.contacts
    if contacts is STAR:
        return None
    for address in contacts:
        if not instance_of(address.params.get("+sip.instance") or ""):
            continue
        if address.uri.scheme not in ("sip", "sips"):
            return Reply(403, "Not A SIP Contact", because=f"a phone with GRUUs has a sip Contact, not {address.uri} (RFC 5627 5.1)")
        if Uri.same(address.uri, message.to.uri) or ("gr" in address.uri.params and aor_of(address.uri) == name):
            return Reply(403, "Contact Loops", because=f"{address.uri} is {name} itself, or a GRUU of it (RFC 5627 5.1)")
    return None


def renew(change: Change, stored: Sequence[Contact], now: float, identifiers: Identifiers, *, wanted: bool) -> Sequence[Contact]:
    """Give the bindings that a REGISTER puts their phone's generation; returns others of that phone that got another one with them."""
    touched: list[Contact] = []
    for put in (*change.added, *change.refreshed):
        phone = instance_of(put.instance)
        if not phone:
            continue
        before = [each for each in stored if each.expires_at > now and instance_of(each.instance) == phone]
        generation = max((each.gruu for each in before), default=0)
        alike = [each for each in before if not put.reg_id or each.reg_id == put.reg_id]
        last = max(alike, key=_refreshed, default=None)
        if (wanted and not generation) or (generation and last is not None and last.call_id != put.call_id):
            generation = 1 + int(identifiers.token(GENERATION), 16) // 2  # never 0, and no more than it has octets
        if not generation:
            continue
        renewed = [each for each in change.after if each.gruu != generation and instance_of(each.instance) == phone]
        for old in renewed:
            new = attrs.evolve(old, gruu=generation)
            kept = old in change.added or old in change.refreshed
            change.after, change.added, change.refreshed = (
                [new if each is old else each for each in listed] for listed in (change.after, change.added, change.refreshed)
            )
            touched = [each for each in touched if each is not old]
            if not kept:
                touched.append(new)
    return touched


def parameters(contact: Contact, uri: Uri, domain: str, gruus: Gruus, identifiers: Identifiers) -> str:
    """Return `pub-gruu` and `temp-gruu` of a binding as its Contact in the 200 has them; `uri` is the address of record (RFC 5627 5.2)."""
    public = gruus.public(uri, domain, contact.instance)
    if not public:
        return ""
    found = f';pub-gruu="{public}"'
    if contact.gruu:
        temporary = gruus.temporary(uri, domain, contact.instance, contact.gruu, bytes.fromhex(identifiers.token(NONCE)))
        if temporary:
            found += f';temp-gruu="{temporary}"'
    return found


def _refreshed(contact: Contact) -> float:
    return contact.expires_at
