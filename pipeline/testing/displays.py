"""Who a phone was told it talks to: From, P-Asserted-Identity (RFC 3325), Remote-Party-ID; Privacy (RFC 3323) beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from pipeline.sip.address import Address
from pipeline.sip.grammar import Malformed

if TYPE_CHECKING:
    from pipeline.sip.message import Message

SOURCES = (("p-asserted-identity", "pai"), ("remote-party-id", "rpid"))


@attrs.frozen
class Display:
    """A name and number as one message showed them."""

    source: str
    """from, pai or rpid."""
    name: str
    number: str
    uri: str
    privacy: str
    """Privacy, or the privacy parameter of Remote-Party-ID; empty: none."""


def displays(message: Message) -> list[Display]:
    """Everything that a message shows of the far side, best first; From only of a request."""
    found = []
    for field, source in SOURCES:
        for value in message.all(field):
            try:
                addresses = Address.parse_many(value, field)
            except Malformed:
                continue
            found += [_display(source, address, message) for address in addresses]
    if message.is_request:
        found.append(_display("from", message.from_, message))
    return found


def _display(source: str, address: Address, message: Message) -> Display:
    uri = address.uri
    number = uri.user_unescaped or uri.opaque
    privacy = (address.params.get("privacy") or "") if source == "rpid" else (message.get("privacy") or "")
    return Display(source, address.display, number, str(uri), privacy)
