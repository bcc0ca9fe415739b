"""Who calls, who is connected, and what of it the other side is told.

Rule: what an endpoint says about itself beyond what it has proved counts only from one that is trusted (`trust_id_inbound`, RFC 3325 5);
who wants to be anonymous is named only to one that keeps it to itself (`trust_id_outbound`, RFC 3325 7). Privacy and the anonymous From by
RFC 3323, Diversion by RFC 5806. Remote-Party-ID is its older twin and follows the same rules. A field that cannot be read says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from pipeline import Address, Malformed, Uri
from pipeline.core.party import Party, Presentation
from pipeline.sip.identity import asserted_of, diversions_of, preferred_of, privacy_of, remote_parties_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline import Flow, Message, Request
    from pipeline.dal import Endpoint
    from pipeline.engine import Pipeline

ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'  # RFC 3323 4.1.1.3
NOWHERE = "anonymous.invalid"
UNKNOWN = "unknown"
"""The user of a From when nobody is known to call: a call that the server itself makes."""
HIDING = frozenset(("id", "user", "header"))
"""The priv-values that ask that others do not learn who it is: RFC 3325 9.3, RFC 3323 4.2."""
USER_MARKS = "-_.!~*'()&=+$,;?/"  # what may stand unescaped in a user part: RFC 3261 25.1


# -- who it is that calls --------------------------------------------------------------------------------------------


def caller_of(request: Request, endpoint: Endpoint, engine: Pipeline, flow: Flow | None = None) -> Party:
    """Return who an INVITE is from, as we believe it: asserted by a trusted endpoint, else as configured, else its From."""
    source = request.from_
    hidden = endpoint.privacy or source.uri.host.lower() == NOWHERE or ("privacy" in request and _hides(request))
    found: Address | None = None
    if endpoint.trust_id_inbound:
        found, withheld = _asserted(request, "calling")
        hidden = hidden or withheld
    if found is None:
        if endpoint.caller_id:
            return _restricted(party_in(endpoint.caller_id, _home(endpoint, engine)), hidden)
        if source.uri.host.lower() == NOWHERE:
            return Party(number=_own_number(endpoint), domain=_home(endpoint, engine), presentation=Presentation.RESTRICTED)
        if "p-preferred-identity" in request:
            found = _preferred(request, endpoint, engine, flow)
    party = _party(found or source, engine, flow)
    if found is None and not party.domain:  # its From may say our address alone: it is still a number of the domain it belongs to
        party = Party(party.name, party.number, _home(endpoint, engine))
    return _restricted(party, hidden)


def connected_of(message: Message, endpoint: Endpoint, engine: Pipeline, flow: Flow | None = None) -> Party | None:
    """Return who the peer says is at its side now (18x, 2xx, UPDATE, re-INVITE); None: it said nothing that counts."""
    if not endpoint.trust_id_inbound or not ("p-asserted-identity" in message or "remote-party-id" in message):
        return None
    found, withheld = _asserted(message, "")
    if found is None:
        return None
    hidden = withheld or endpoint.privacy or ("privacy" in message and _hides(message))
    return _restricted(_party(found, engine, flow), hidden)


def diversions_from(message: Message, endpoint: Endpoint) -> tuple[str, ...]:
    """Return the Diversion values that count of an INVITE or a 3xx, the latest first, to be handed on by `outgoing`."""
    if "diversion" not in message or not endpoint.trust_id_inbound:
        return ()
    try:
        return tuple(diversion.address.text for diversion in diversions_of(message))
    except Malformed:
        return ()


def party_of(text: str) -> Party:
    """Read a party as options have it: `"Alice" <100>`, `Alice <sip:100@example.com>`, `100`."""
    name, bracket, rest = text.rpartition("<")
    number = (rest.partition(">")[0] if bracket else text).strip()
    scheme, colon, opaque = number.partition(":")
    if colon and scheme.lower() in ("sip", "sips", "tel"):
        number = opaque
    number, _, domain = number.partition("@")
    return Party(name.strip().strip('"').replace('\\"', '"'), number, domain.partition(";")[0])


def party_in(text: str, domain: str) -> Party:
    """Read a party as options have it; `domain` is where its number means something when it does not say; empty: in our first."""
    party = party_of(text)
    return party if party.domain else Party(party.name, party.number, domain)


def domain_in(aor: str, engine: Pipeline) -> str:
    """Return the domain of an address of record as a Party has it: empty stands for our first."""
    domain = aor.rpartition("@")[2]
    return "" if domain == engine.domains.first.id else domain


# -- what an outgoing call says --------------------------------------------------------------------------------------


def outgoing(endpoint: Endpoint, party: Party, domain: str, diversions: Iterable[str] = ()) -> tuple[str, list[tuple[str, str]]]:
    """Return the From (without tag) of a call to `endpoint` that is from `party`, and the identity fields that go with it.

    `domain` is ours: it stands where the party has none.
    """
    shown = party.presentation is Presentation.ALLOWED
    fields = connected(endpoint, party, domain, "calling")
    if endpoint.send_diversion:
        fields += [("Diversion", value) for value in diversions]
    if not shown:
        return ANONYMOUS, fields
    user = user_text(endpoint.from_user or party.number or UNKNOWN)
    return Address.write(f"sip:{user}@{endpoint.from_domain or _host(party.domain, domain)}", _text(party.name)), fields


def connected(endpoint: Endpoint, party: Party, domain: str, role: str = "called") -> list[tuple[str, str]]:
    """Return the fields that tell `endpoint` who is at the other side, in a request or a response; `role` as in Remote-Party-ID."""
    if not party.number or not (endpoint.send_pai or endpoint.send_rpid):
        return []
    hidden = party.presentation is not Presentation.ALLOWED
    if hidden and not endpoint.trust_id_outbound:
        return []
    address = Address.write(uri_of(party, domain), _text(party.name))
    fields = []
    if endpoint.send_pai:
        fields.append(("P-Asserted-Identity", address))
        if hidden:
            fields.append(("Privacy", "id"))
    if endpoint.send_rpid:
        fields.append(("Remote-Party-ID", f"{address};party={role};privacy={'full' if hidden else 'off'};screen=no"))
    return fields


def diversion(party: Party, reason: str, domain: str) -> str:
    """Return a Diversion value: `party` has forwarded the call, for `reason` ("unconditional", "user-busy", "deflection"...)."""
    if party.presentation is not Presentation.ALLOWED:
        return f"<sip:anonymous@{NOWHERE}>;reason={reason};privacy=full"
    return f"{Address.write(f'sip:{user_text(party.number or UNKNOWN)}@{_host(party.domain, domain)}', _text(party.name))};reason={reason}"


def uri_of(party: Party, domain: str) -> str:
    """Write a party as a sip URI; `domain` is ours: it stands where the party has none."""
    return f"sip:{user_text(party.number)}@{_host(party.domain, domain)}"


def user_text(text: str) -> str:
    """Write a text as the user part of a URI, escaping what must not stand there (RFC 3261 25.1)."""
    return text if text.isascii() and text.isalnum() else quote(text, safe=USER_MARKS, errors="surrogateescape")


# -- reading ---------------------------------------------------------------------------------------------------------


def _asserted(message: Message, role: str) -> tuple[Address | None, bool]:
    """Return what a trusted endpoint asserts, and whether it says that it is private. A sip URI is preferred to a tel URI."""
    try:
        found = asserted_of(message)
        if found:
            return next((address for address in found if address.uri.scheme != "tel"), found[0]), False
        for remote in remote_parties_of(message):
            if not role or remote.party in ("", role):
                return remote.address, remote.privacy not in ("", "off")
    except Malformed:
        pass
    return None, False


def _preferred(request: Request, endpoint: Endpoint, engine: Pipeline, flow: Flow | None) -> Address | None:
    """Return the identity that the caller prefers among its own (RFC 3325 6): one that it may register, so that it has proved it."""
    try:
        return next((address for address in preferred_of(request) if engine.aor_of(address.uri, flow) in endpoint.aors), None)
    except Malformed:
        return None


def _party(address: Address, engine: Pipeline, flow: Flow | None) -> Party:
    uri = address.uri
    if uri.scheme == "tel":
        return Party(address.display, uri.user or "")
    ours = engine.domain_of(uri.host, flow)
    if ours is None:
        return Party(address.display, uri.user_unescaped, uri.host)
    return Party(address.display, uri.user_unescaped, "" if ours is engine.domains.first else ours.id)


def _home(endpoint: Endpoint, engine: Pipeline) -> str:
    """Return the domain in which an endpoint is at home, as a Party has it: where it has an address of record, our first before others."""
    domains = [domain_in(aor, engine) for aor in endpoint.aors]
    return domains[0] if all(domains) and domains else ""


def _restricted(party: Party, hidden: bool) -> Party:
    return Party(party.name, party.number, party.domain, Presentation.RESTRICTED) if hidden else party


def _hides(message: Message) -> bool:
    return not HIDING.isdisjoint(privacy_of(message))


def _own_number(endpoint: Endpoint) -> str:
    return endpoint.aors[0].rpartition("@")[0] if endpoint.aors else endpoint.id


def _host(domain: str, ours: str) -> str:
    """Return the domain of a party, or ours where it has none, or none that a URI could hold."""
    if not domain:
        return ours
    try:
        return Uri.parse(f"sip:{domain}").host and domain
    except Malformed:
        return ours


def _text(name: str) -> str:
    """Return a display name on one line: scripts may write anything."""
    return name if name.isprintable() else "".join(letter if letter.isprintable() else " " for letter in name)
