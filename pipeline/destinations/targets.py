"""Whom a target's name means, and every place where he can be reached: what those ask who call and who write.

A target is written as

- `alice`: the endpoint of that name, at the contacts of all its addresses of record; else the address of record alice@FIRST-DOMAIN;
- `alice@example.com`, `sip:alice@example.com`: in a domain of ours that address of record, elsewhere the URI itself;
- `trunk/+15551234`: this number by the endpoint `trunk`, at the contacts of its addresses of record with that user part;
- `trunk/sip:bob@example.net`: this URI, with the endpoint's identity, credentials and outbound proxy.

Whom the caller called may narrow that: of the address of record whose GRUU he called only that phone is a place, and who called a sips URI
is connected over TLS or not at all (pipeline.location).

Rule: contacts are those that are registered and live, and the static ones of the address of record (RFC 3261 10), each a Destination of its
own. A Path is its Route (RFC 3327 5.3); where `reach` says where requests really go, they go there and nowhere else (RFC 5626 5.3).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from pipeline import Address, Malformed, Pending, Uri
from pipeline.core import Unroutable
from pipeline.core.causes import Cause, Hangup
from pipeline.core.party import Party, Presentation
from pipeline.dal import Endpoint, StorageError
from pipeline.location import Called, Nowhere, called, insecure, is_secured, reached
from pipeline.pending import walk
from pipeline.reach import static_key, way_of
from pipeline.sip.routing import route_within

from .identity import domain_in, party_in, user_text

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from pipeline import Flow, Reply, Target
    from pipeline.dal import Contact
    from pipeline.engine import Pipeline

    from .credentials import Credentials

TECHNOLOGY = "sip"
"""As `Channel.technology`, `Leg.technology` and `Hangup.technology` have it."""
OWNERS = 20_000
"""Addresses of record of which it is remembered whose they are: 4 MB."""
SCHEMES = ("sip", "sips")
METHOD = re.compile(r";method=[^;?]*", re.IGNORECASE)
NOBODY = Endpoint(id="")
"""Stands for who is no endpoint of ours: all options as they are when nobody says anything."""
UNNAMED = Party()
ABSENT = Hangup(Cause.ABSENT, "", TECHNOLOGY, 480)
UNKNOWN = Hangup(Cause.UNALLOCATED, "", TECHNOLOGY, 404)


@attrs.frozen(slots=True, eq=False)
class Destination:
    """One place to send a request to."""

    uri: str
    """The Request-URI."""
    target: Flow | Target | Uri | list[Any]
    """Where it really goes, as `Pipeline.request` takes it."""
    route: tuple[str, ...] = ()
    """Values of its Route fields."""
    q: float = 1.0
    """How much it is preferred, 0 to 1."""
    endpoint: Endpoint = NOBODY
    party: Party = UNNAMED
    """Who is there, as far as his name or what was dialled tells."""
    device: str = ""
    """Which device is there: its instance (RFC 5626), else the name of its binding or its URI. It stays when the binding is refreshed."""
    pinned: bool = False
    """Whether all requests to it must go where `target` says, in the dialog too: its Contact leads nowhere."""
    outside: bool = False
    """Whether it is no phone of ours: an address elsewhere, or a number that its endpoint is to call for us, with a password or without."""
    others: tuple[Destination, ...] = ()
    """Other flows of the same phone that lead through proxies of their own: tried when this one fails (RFC 5626 7)."""


class Targets:
    """Finds destinations by name."""

    __slots__ = ("_credentials", "_engine", "_owners", "_stop")

    def __init__(self, engine: Pipeline, credentials: Credentials) -> None:
        self._engine = engine
        self._credentials = credentials
        self._owners: dict[str, Endpoint] = {}
        self._stop: Callable[[], None] | None = None

    def close(self) -> None:
        """Remember nothing and follow the stores no more: whose it is has been taken away. A call that goes on may still ask."""
        self._owners.clear()
        if self._stop is not None:
            self._stop()
            self._stop = None

    def find(self, target: str, only: Called | None = None) -> list[Destination] | Pending | None:
        """Return every place that a target's name means, the preferred ones first, or a Pending of it; None: nobody is called so.

        `only` is whom the caller called, as far as that narrows it.

        Raises, or fails with, core.Unroutable when the target is known and cannot be called; StorageError when the stores fail.
        """
        found: list[Destination] | Pending | None = walk(self._find(target.strip(), only))
        return found

    def registered(self, who: Called) -> list[Destination] | Pending | None:
        """Return every place of an address of record of ours, as far as it is meant, or a Pending of it; None: there is no such address.

        Raises, or fails with, as `find`. Who is there (`party`) need not be told.
        """
        now = self._at_once(who)
        if now is not None:
            return now
        found: list[Destination] | Pending | None = walk(self._aor(who))
        return found

    def _at_once(self, who: Called) -> list[Destination] | None:
        """Return the place of an address of record with one phone, all of which is known at once. Hot: each message asks."""
        if who.gruu is not None or who.secure:
            return None
        engine = self._engine
        dal = engine.dal
        aor = dal.get("aor", who.aor)
        if aor is None or type(aor) is Pending or aor.contact:
            return None
        stored = dal.owned("contact", who.aor)
        if type(stored) is Pending or len(stored) != 1:
            return None
        contact: Contact = stored[0]
        if contact.reg_id or contact.expires_at <= engine.clock.time() or contact.id in engine.reachability.unreachable:
            return None
        endpoint = dal.get("endpoint", contact.endpoint) if contact.endpoint else self._owner(who.aor)
        if endpoint is None or type(endpoint) is Pending or endpoint.outbound_auth:
            return None
        try:
            pinned = way_of(engine, contact) if contact.reach else None
            device = contact.instance.lower() or contact.id
            return [self._destination(contact.uri, endpoint, contact.q, contact.path, UNNAMED, pinned, device)]
        except (Malformed, ConnectionError):
            return None

    def _owner(self, name: str) -> Any:
        """Return the endpoint whose address of record this is, as it was found last; it is asked for anew when any endpoint changes."""
        found = self._owners.get(name)
        if found is None:
            owners = self._engine.dal.find("endpoint", aors=name)
            if type(owners) is Pending or not owners:
                return None
            if not self._owners:
                if self._stop is None:
                    self._stop = self._engine.dal.watch("endpoint", lambda *_: self._owners.clear())
            elif len(self._owners) >= OWNERS:
                self._owners.clear()
            found = self._owners[name] = owners[0]
        return found

    def redirected(self, hangup: Hangup, endpoint: Endpoint, *, secure: bool = False) -> list[Destination] | Pending:
        """Return where a 3xx says to go instead, or a Pending of it: whoever is ours, where he is; others by the ways of `endpoint`.

        `endpoint` is whose answer it was; what proves us to it is not for others. What cannot be called is left out, and where lists say
        where its Contacts may be, all that is not ours: a 3xx names Contacts too, and what it may not register it shall not call. `secure`:
        only what is reached over TLS, for a sips URI was called.
        """
        found: list[Destination] | Pending = walk(self._redirected(hangup.targets, endpoint, secure))
        return found

    def _redirected(self, targets: tuple[str, ...], endpoint: Endpoint, secure: bool) -> Generator[Any, Any, list[Destination]]:
        if endpoint.outbound_auth:
            endpoint = attrs.evolve(endpoint, outbound_auth=())
        confined = endpoint.contact_acl or endpoint.contact_permit or endpoint.contact_deny
        found: list[Destination] = []
        for text in targets:
            try:
                if self._engine.domain_of(Uri.parse(text).host) is None:
                    if confined or (secure and not is_secured(text)):
                        continue
                    found.append(self._destination(text, endpoint, 1.0, (), _elsewhere(text), outside=True))
                else:
                    found += (yield from self._uri(text, None, secure)) or ()
            except (Malformed, Unroutable, StorageError):
                continue
        return found

    # -- what a name means -------------------------------------------------------------------------------------------

    def _find(self, target: str, only: Called | None) -> Generator[Any, Any, list[Destination] | None]:
        scheme, secure = target[:5].lower(), only is not None and only.secure
        if scheme.startswith("sip:") or scheme == "sips:":
            return (yield from self._uri(target, only, secure))
        name, slash, rest = target.partition("/")
        if slash:
            return (yield from self._by(name, rest, secure))
        endpoint = yield self._engine.dal.get("endpoint", target)
        if endpoint is not None:
            return (yield from self._endpoint(endpoint, "", only, secure))
        user, at, host = target.rpartition("@")
        if at:
            return (yield from self._uri(f"sip:{user_text(user)}@{host}", only, secure))
        return (yield from self._aor(_narrowed(f"{target}@{self._engine.domains.first.id}", only, secure)))

    def _uri(self, text: str, only: Called | None, secure: bool) -> Generator[Any, Any, list[Destination] | None]:
        engine = self._engine
        try:
            uri = Uri.parse(text)
        except Malformed as error:
            raise Unroutable(Hangup(Cause.INVALID_NUMBER, error.reason, TECHNOLOGY, 484)) from None
        if engine.domain_of(uri.host) is None:
            return self._there(text, NOBODY, secure)
        who = called(engine, uri)
        if who is None:
            raise Unroutable(UNKNOWN)
        if who.gruu is None:
            who = _narrowed(who.aor, only, secure or who.secure)
        found = yield from self._aor(who)
        if found is None:
            raise Unroutable(UNKNOWN)
        return found

    def _by(self, name: str, rest: str, secure: bool) -> Generator[Any, Any, list[Destination] | None]:
        endpoint = yield self._engine.dal.get("endpoint", name)
        if endpoint is None:
            return None
        scheme = rest[:5].lower()
        if scheme.startswith("sip:") or scheme == "sips:":
            yield from self._credentials.read(endpoint)
            try:
                return self._there(rest, endpoint, secure)
            except Malformed as error:
                raise Unroutable(Hangup(Cause.INVALID_NUMBER, error.reason, TECHNOLOGY, 484)) from None
        return (yield from self._endpoint(endpoint, rest.removeprefix("tel:"), None, secure))

    def _there(self, text: str, endpoint: Endpoint, secure: bool) -> list[Destination]:
        """Return a URI itself as the place."""
        if secure and not is_secured(text):
            raise Unroutable(_hangup(insecure(self._engine, text)))
        return [self._destination(text, endpoint, 1.0, (), _elsewhere(text), outside=True)]

    # -- where they are ----------------------------------------------------------------------------------------------

    def _endpoint(self, endpoint: Endpoint, number: str, only: Called | None, secure: bool) -> Generator[Any, Any, list[Destination]]:
        """Every contact of an endpoint; with `number` in the place of its user part."""
        found: list[Destination] = []
        refused: Reply | None = None
        yield from self._credentials.read(endpoint)
        names = (only.aor,) if only is not None and only.gruu is not None and only.aor in endpoint.aors else endpoint.aors
        for name in names:
            aor = yield self._engine.dal.get("aor", name)
            if aor is not None:
                stored = yield self._engine.dal.owned("contact", name)
                who = _narrowed(name, only, secure)
                live, nowhere = self._live(who, stored)
                party = Party(number=number) if number else self._who(endpoint, who)
                refused = self._places(found, live, aor.contact, endpoint, number, party, who) or nowhere or refused
        return _known(found, refused)

    def _aor(self, who: Called) -> Generator[Any, Any, list[Destination] | None]:
        """Every contact of an address of record, each with the endpoint that registered it; None: there is no such address."""
        dal, name = self._engine.dal, who.aor
        aor = yield dal.get("aor", name)
        if aor is None:
            return None
        found: list[Destination] = []
        stored = yield dal.owned("contact", name)
        live, refused = self._live(who, stored)
        whose: dict[str, list[Contact]] = {}
        for contact in live:
            whose.setdefault(contact.endpoint, []).append(contact)
        if aor.contact or "" in whose:  # nobody was identified when it was registered, or it was not registered at all
            owners = yield dal.find("endpoint", aors=name)
            owner: Endpoint = owners[0] if owners else NOBODY
            yield from self._credentials.read(owner)
            refused = self._places(found, whose.pop("", ()), aor.contact, owner, "", self._who(owner, who), who) or refused
        for ident, contacts in whose.items():
            endpoint = (yield dal.get("endpoint", ident)) or NOBODY
            yield from self._credentials.read(endpoint)
            self._places(found, contacts, (), endpoint, "", self._who(endpoint, who), who)
        return _known(found, refused)

    def _who(self, endpoint: Endpoint, who: Called) -> Party:
        """Return who answers at an address of record: as its endpoint calls, so it is shown to those who call it."""
        user, domain = who.aor.rpartition("@")[0], domain_in(who.aor, self._engine)
        party = party_in(endpoint.caller_id, domain) if endpoint.caller_id else Party(number=user, domain=domain)
        return attrs.evolve(party, presentation=Presentation.RESTRICTED) if endpoint.privacy or who.hides else party

    def _live(self, who: Called, stored: Iterable[Contact]) -> tuple[Sequence[Contact], Reply | None]:
        """Return the contacts that may be called, or why none may."""
        try:
            return reached(self._engine, who, stored), None
        except Nowhere as nowhere:
            return (), nowhere.reply

    def _places(
        self,
        found: list[Destination],
        stored: Iterable[Contact],
        static: Iterable[str],
        endpoint: Endpoint,
        number: str,
        party: Party,
        who: Called,
    ) -> Reply | None:
        """Add the contacts that can be reached: not those whose connection is gone or that did not answer `qualify`.

        Returns why a static one may not be called, if that is so.
        """
        flows: dict[str, tuple[int, float]] = {}
        unreachable, refused = self._engine.reachability.unreachable, False
        for contact in stored:
            if contact.id in unreachable:
                continue
            try:
                pinned = way_of(self._engine, contact) if contact.reach else None
                uri = _with_user(contact.uri, number) if number else contact.uri
                device = contact.instance.lower() or contact.id
                made = self._destination(uri, endpoint, contact.q, contact.path, party, pinned, device, outside=bool(number))
                if contact.reg_id:
                    _add_flow(found, flows, contact, made)
                else:
                    found.append(made)
            except (Malformed, ConnectionError):
                continue
        for text in static if who.gruu is None else ():
            try:
                address = Address.parse(text if "<" in text else f"<{text}>", "contact")
                if unreachable and static_key(who.aor, text) in unreachable:
                    continue
                if who.secure and not is_secured(address.uri.text):
                    refused = True
                    continue
                uri = _with_user(address.uri.text, number) if number else address.uri.text
                q = address.q
                found.append(self._destination(uri, endpoint, 1.0 if q is None else q, (), party, outside=bool(number)))
            except Malformed:
                continue
        return insecure(self._engine, who.aor) if refused else None

    def _destination(
        self,
        uri: str,
        endpoint: Endpoint,
        q: float,
        path: tuple[str, ...],
        party: Party,
        pinned: Flow | Target | None = None,
        device: str = "",
        *,
        outside: bool = False,
    ) -> Destination:
        """Make a destination: the Request-URI is the contact without what a Request-URI may not hold (19.1.1). Raises Malformed."""
        if "?" in uri:
            uri = uri.partition("?")[0]
        if ";method=" in uri:
            uri = METHOD.sub("", uri)
        if endpoint.outbound_proxy:
            path = (_name_addr(endpoint.outbound_proxy), *path)
        routes: Sequence[str] = ()
        if path:
            where, routes, hop = route_within(uri, path)
            there = Uri.parse(uri)
        else:  # hot: nearly all phones
            where, hop = uri, Uri.parse(uri)
            there = hop
        for each in (hop, there):
            if each.scheme not in SCHEMES:
                raise Malformed(f"a {each.scheme} URI names nobody to send to")
        way = hop if pinned is None else pinned
        return Destination(where, way, tuple(routes), q, endpoint, party, device or uri, pinned is not None, outside)


def _narrowed(aor: str, only: Called | None, secure: bool) -> Called:
    """Return an address of record as it is meant by who called `only`."""
    return Called(aor, only.gruu if only is not None and only.aor == aor else None, secure)


def _hangup(reply: Reply) -> Hangup:
    """Return how a call ends that gets this reply."""
    if reply.status == UNKNOWN.code:
        return UNKNOWN
    return attrs.evolve(ABSENT, text=reply.reason, details=tuple(reply.headers))


def _elsewhere(text: str) -> Party:
    """Return who is meant by a URI that is none of ours."""
    uri = Uri.parse(text)
    return Party(number=uri.user_unescaped or "", domain=uri.host)


def _add_flow(found: list[Destination], flows: dict[str, tuple[int, float]], contact: Contact, made: Destination) -> None:
    """Add a flow; of one phone the newest is called, the others only when that fails (RFC 5626 5.3). `flows`: place and end by phone."""
    phone = contact.instance.lower()
    known = flows.get(phone)
    if known is None:
        flows[phone] = len(found), contact.expires_at
        found.append(made)
        return
    place, ends = known
    before = found[place]
    first, second = (made, before) if contact.expires_at > ends else (before, made)
    flows[phone] = place, max(ends, contact.expires_at)
    if made.route or before.route:
        found[place] = attrs.evolve(first, others=(attrs.evolve(second, others=()), *second.others, *first.others))
        return
    ways = [way for each in (first, second) for way in (each.target if isinstance(each.target, list) else [each.target])]
    found[place] = attrs.evolve(first, target=ways)


def _known(found: list[Destination], refused: Reply | None) -> list[Destination]:
    """What is known is reachable somewhere, or else cannot be called now."""
    if not found:
        raise Unroutable(ABSENT if refused is None else _hangup(refused))
    if len(found) > 1:
        found.sort(key=_preference)
    return found


def _preference(destination: Destination) -> float:
    return -destination.q


def _with_user(text: str, number: str) -> str:
    """Return a contact with another user part: how a number is called at a gateway."""
    uri = Uri.parse(text)
    scheme, _, rest = text.partition(":")
    if uri.user is not None:
        rest = rest.partition("@")[2]
    return f"{scheme}:{user_text(number)}@{rest}"


def _name_addr(text: str) -> str:
    """Return an outbound proxy as a Route value; a bare URI is meant whole, with its parameters (`lr`)."""
    return text if text.startswith("<") else f"<{text}>"
