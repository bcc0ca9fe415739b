"""For how long a REGISTER wants its bindings to last. RFC 3261 10.2.1.1, 10.3 step 7.

Rule: what is malformed counts as an hour, in a Contact and in the Expires that stands for all of them; RFC 2543 had dates there. RFC 4475
3.1.2.4 says the same, and refuses its message for its CSeq alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.sip.address import seconds_of

if TYPE_CHECKING:
    from pipeline import Address, Message


def asked_of(address: Address, message: Message) -> int | None:
    """Return the seconds that are asked for one contact; None: nothing is said."""
    asked = address.expires if address.params else None
    return expires_of(message) if asked is None else asked


def expires_of(message: Message) -> int | None:
    """Return the seconds that the REGISTER as a whole asks for; None: it has no Expires."""
    text = message.first.get("expires")
    return None if text is None else seconds_of(text)
