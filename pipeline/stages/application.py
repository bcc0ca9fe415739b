"""The application stage: what RFC 3261 8.2.1 to 8.2.3 asks before any application, from what the listed plugins declare.

A plugin declares as class attributes: `methods` (it takes), `accepts` (content types it can use), `extensions` (option tags
it supports), `schemes` (of Request-URIs, sip and sips when it says nothing). Their union is Allow, Accept and Supported. `own_bodies`
names methods whose bodies the plugin judges itself, because it passes on what it need not understand (MESSAGE), or takes a type for one
event only (PUBLISH).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.passage import Reply, Wait
from pipeline.pending import Pending
from pipeline.sip.grammar import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.passage import Passage, Verdict
    from pipeline.sip.message import Request

SIP_METHODS = frozenset(
    {
        "INVITE",
        "ACK",
        "CANCEL",
        "BYE",
        "REGISTER",
        "OPTIONS",
        "PRACK",
        "SUBSCRIBE",
        "NOTIFY",
        "PUBLISH",
        "INFO",
        "REFER",
        "MESSAGE",
        "UPDATE",
    }
)
"""The IANA registry of SIP methods."""


class Offer:
    """What the listed applications offer together."""

    __slots__ = ("accept", "accepts", "allow", "allow_events", "extensions", "headers", "methods", "own_bodies", "schemes", "supported")

    def __init__(self, plugins: Iterable[Any]) -> None:
        methods: list[str] = []
        accepts: list[str] = []
        extensions: list[str] = []
        schemes: list[str] = ["sip", "sips"]
        own: list[str] = []
        plugins = list(plugins)
        for plugin in plugins:
            for into, name in (
                (methods, "methods"),
                (accepts, "accepts"),
                (extensions, "extensions"),
                (schemes, "schemes"),
                (own, "own_bodies"),
            ):
                into += [value for value in getattr(plugin, name, ()) if value not in into]
        if "INVITE" in methods:
            methods += [method for method in ("ACK", "CANCEL") if method not in methods]
        self.methods = frozenset(methods)
        self.accepts = frozenset(accepts)
        self.extensions = frozenset(extensions)
        self.schemes = frozenset(schemes)
        self.own_bodies = frozenset(own)
        self.allow = ", ".join(methods)
        self.accept = ", ".join(accepts)
        self.supported = ", ".join(extensions)
        watched = plugins if "SUBSCRIBE" in methods else ()
        events = dict.fromkeys(package.name for plugin in watched for package in getattr(plugin, "packages", ()))
        self.allow_events = ", ".join(events)
        """The event packages that can be watched (RFC 6665 8.2.2)."""
        self.headers: tuple[tuple[str, str], ...] = (("Allow", self.allow), ("Accept", self.accept), ("Supported", self.supported))
        if events:
            self.headers += (("Allow-Events", self.allow_events),)
        """As an answer to OPTIONS carries them (RFC 3261 11.2)."""


def check(offer: Offer, message: Request, passage: Passage) -> Verdict | None:
    """Refuse what no application could serve; None when they may look at it. Raises Malformed for a bad Request-URI.

    A refusal changes nothing, so it is stateless (RFC 3261 8.2.7): strangers leave nothing behind. Not so that of one who has proved
    himself: his retransmission would be taken for a replay and challenged.
    """
    method = message.method
    if method not in offer.methods:
        return _not_offered(offer, message, passage)
    uri = message.uri
    if uri.scheme not in offer.schemes:
        return Reply(416, because=f"no listed plugin serves {uri.scheme}: URIs", stateless=not passage.identity)
    if uri.scheme == "sips" and not passage.flow.secure:
        because = f"a request to a sips URI came by {passage.flow.transport}, where anybody could read it (RFC 3261 26.2.2)"
        return Reply(403, "SIPS Needs TLS", because=because, stateless=not passage.identity)
    if method != "CANCEL" and "require" in message:
        unsupported = [tag for tag in message.require if tag.lower() not in offer.extensions]
        if unsupported:
            return Reply(
                420,
                headers=(("Unsupported", ", ".join(unsupported)),),
                because=f"Require: nobody supports {', '.join(unsupported)}",
                stateless=not passage.identity,
            )
    if passage.identified is False and (_is_known(passage) or not (method == "OPTIONS" and passage.pipeline.is_self(uri, passage.flow))):
        if passage.refused:
            return _refused(passage)
        because = "identify: no endpoint fits this request and none is named for anonymous ones"
        return Reply(403, because=because, stateless=not passage.identity)
    if message.body and method not in offer.own_bodies:
        refusal = _body(offer, message)
        if refusal is not None:
            refusal.stateless = not passage.identity
        return refusal
    return None


def _is_known(passage: Passage) -> bool:
    """Tell whether an endpoint that may not ask this has proved itself, or need not: who asks the server itself is not challenged."""
    endpoint = passage.endpoint
    return bool(passage.refused and endpoint is not None and (passage.identity or not endpoint.auth))


def _refused(passage: Passage) -> Reply:
    """Refuse what an endpoint may not ask; by now it has proved itself, where that is asked of it."""
    flow, user = passage.flow, passage.identity or getattr(passage.endpoint, "id", "")
    passage.pipeline.tell("auth.refused", user=user, source=flow.peer[0], transport=flow.transport, reason=passage.refused, passage=passage)
    return Reply(403, because=passage.refused, stateless=not passage.identity)


def _body(offer: Offer, message: Request) -> Reply | None:
    disposition = message.get("content-disposition")
    if disposition is not None and "handling=optional" in disposition.replace(" ", "").lower():
        return None
    encoding = (message.get("content-encoding") or "identity").strip().lower()
    if encoding != "identity":
        return Reply(415, headers=(("Accept-Encoding", "identity"),), because=f"Content-Encoding {encoding} is not understood")
    kind = message.content_type
    if not kind:
        return Reply(400, "Missing Content-Type", because="a body needs a Content-Type (RFC 3261 20.15)")
    if kind not in offer.accepts:
        return Reply(415, headers=(("Accept", offer.accept),), because=f"no listed plugin accepts {kind}")
    return None


def _not_offered(offer: Offer, message: Request, passage: Passage) -> Verdict | None:
    because = f"no listed plugin declares the method {message.method}"
    refusal = Reply(501, headers=(("Allow", offer.allow),), because=because, stateless=not passage.identity)
    if message.method not in SIP_METHODS:
        return _unsupported(passage, refusal)
    # A method of the standard, to a user nobody here is called: 404 is the nearer truth, whoever may be listed tomorrow.
    try:
        uri = message.uri
    except Malformed:
        return _unsupported(passage, refusal)
    if uri.scheme not in offer.schemes or not uri.user:
        return _unsupported(passage, refusal)
    missing = unknown(passage, uri)
    if isinstance(missing, Pending) or not missing:
        return _unsupported(passage, refusal)
    return Reply(404, because="nobody of that name", stateless=not passage.identity)


def _unsupported(passage: Passage, refusal: Reply) -> Reply:
    """Tell of a request that nothing here serves."""
    passage.pipeline.tell("request.unsupported", passage=passage)
    return refusal


def unknown(passage: Passage, uri: Any) -> bool | Pending:
    """Tell whether no address of record of ours is `uri`."""
    engine = passage.pipeline
    name = engine.aor_of(uri, passage.flow)
    if name is None:
        return True
    if "aor" not in engine.dal.mapping:
        return False
    found = engine.dal.get("aor", name)
    if isinstance(found, Pending):
        answer = Pending()
        found.then(lambda pending: _settle_unknown(answer, pending))
        return answer
    return found is None


def _settle_unknown(answer: Pending, found: Pending) -> None:
    try:
        answer.resolve(found.value() is None)
    except Exception as error:
        answer.fail(error)


def unclaimed(offer: Offer, message: Request, passage: Passage) -> Verdict:
    """Answer what no application took: 405 without a place for the method here, 480 for one of ours, else 404."""
    uri = message.uri
    if not uri.user and passage.pipeline.is_self(uri, passage.flow):
        return _unsupported(passage, Reply(405, headers=(("Allow", offer.allow),), because=f"{message.method} is not served at this URI"))
    missing = unknown(passage, uri)
    if isinstance(missing, Pending):
        return Wait(missing, _refusal, because="aor")
    return _refusal(missing)


def _refusal(missing: bool) -> Reply:
    return Reply(404, because="nobody of that name") if missing else Reply(480, because="no listed plugin could reach it")
