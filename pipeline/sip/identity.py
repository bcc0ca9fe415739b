"""Who somebody is said to be: P-Asserted-Identity, P-Preferred-Identity, Remote-Party-ID, Privacy, Diversion.

Rule: what a field says and nothing more; whether it is believed is its reader's business. RFC 3325 (asserted, preferred), RFC 3323
(Privacy), draft-ietf-sip-privacy-04 (Remote-Party-ID, never an RFC and in wide use), RFC 5806 (Diversion).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .address import Address
from .grammar import number, unquote

if TYPE_CHECKING:
    from .message import Message

__all__ = ["Diversion", "RemoteParty", "asserted_of", "diversions_of", "preferred_of", "privacy_of", "remote_parties_of"]

SCHEMES = frozenset(("sip", "sips", "tel"))
DIVERSIONS = 999  # an upper bound for a counter: nobody forwards that often


class RemoteParty(NamedTuple):
    """One Remote-Party-ID: `party` is "calling" or "called", `privacy` "off", "full", "name", "uri"; "" where it was not said."""

    address: Address
    party: str = ""
    privacy: str = ""
    screened: bool = False


class Diversion(NamedTuple):
    """One Diversion, the latest stands first: who diverted, why ("unconditional", "user-busy", "no-answer", ...), how often."""

    address: Address
    reason: str = "unknown"
    counter: int = 1
    private: bool = False


def asserted_of(message: Message) -> list[Address]:
    """The P-Asserted-Identity values with a sip, sips or tel URI (RFC 3325 9.1); raises Malformed."""
    return _identities(message, "p-asserted-identity", "P-Asserted-Identity")


def preferred_of(message: Message) -> list[Address]:
    """The P-Preferred-Identity values (RFC 3325 9.2); raises Malformed."""
    return _identities(message, "p-preferred-identity", "P-Preferred-Identity")


def remote_parties_of(message: Message) -> list[RemoteParty]:
    """The Remote-Party-ID values; raises Malformed."""
    found = []
    for address in _identities(message, "remote-party-id", "Remote-Party-ID"):
        params = address.params
        party, privacy, screen = (unquote(params.get(name) or "").lower() for name in ("party", "privacy", "screen"))
        found.append(RemoteParty(address, party, privacy, screen == "yes"))
    return found


def privacy_of(message: Message) -> frozenset[str]:
    """The priv-values of Privacy in lower case (RFC 3323 4.2), of several fields too; empty when there is none."""
    if "privacy" not in message:
        return frozenset()
    # The grammar has semicolons; commas are written by some and cannot mean anything else.
    items = (item for value in message.all("privacy") for item in value.replace(",", ";").split(";"))
    return frozenset(name for item in items if (name := item.strip(" \t").lower()))


def diversions_of(message: Message) -> list[Diversion]:
    """The Diversion values, the latest first (RFC 5806 4); raises Malformed."""
    found = []
    for address in _identities(message, "diversion", "Diversion"):
        params = address.params
        counter = params.get("counter")
        found.append(
            Diversion(
                address,
                unquote(params.get("reason") or "unknown").lower(),
                number(unquote(counter), DIVERSIONS, "Diversion counter") if counter else 1,
                unquote(params.get("privacy") or "off").lower() != "off",
            )
        )
    return found


def _identities(message: Message, name: str, header: str) -> list[Address]:
    if name not in message:
        return []
    return [address for value in message.all(name) for address in Address.parse_many(value, header) if address.uri.scheme in SCHEMES]
