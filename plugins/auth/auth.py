"""Digest authentication of requests, and then what the proved endpoint may do. RFC 7616, RFC 8760, RFC 3261 22.

Rule: whether a user exists cannot be told from outside: the same 401, headers and work for the known and the unknown. What is refused
is challenged anew; `stale=true` says the password was right and only the nonce is used up, old or none of ours; to a source that has
guessed by such nonces it says nothing of the password any more. A store that fails is a 503, never a 401.
ACK and CANCEL are never challenged (22.1), nor a request of a dialog that comes the dialog's own way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Reply, hookimpl, option, plugin
from pipeline.core.rates import Rate
from pipeline.dialogs import by_its_own_way
from pipeline.sip.digest import FIELDS_READ, parse_credentials

from .nonces import Nonces
from .proof import look
from .realm import Realm, domain_of
from .rights import refusal
from .users import Users

if TYPE_CHECKING:
    from pipeline import Passage, Request, Verdict
    from pipeline.engine import Pipeline
    from pipeline.sip.digest import Credentials

NEVER = frozenset({"ACK", "CANCEL"})
DOUBTS_A_SECOND, DOUBTS = 1 / 60, 5
"""Wrong answers to nonces that are none of ours, of one source, that are told from right ones: more than a phone gives whose password was
changed while its nonce grew old, and 1,445 guesses a day."""
QOPS = ("auth", "auth-int")


def qops(_instance: Any, attribute: attrs.Attribute[Any], value: list[str]) -> None:
    """Validate `qop`."""
    for word in value:
        if word not in QOPS:
            raise ValueError(f'{attribute.name} holds {word!r}: it may hold "auth" and "auth-int"')
    if not value:
        raise ValueError(f'{attribute.name} is empty: write ["auth"]')


@plugin
class Auth:
    """Digest authentication, and who may register and call as whom."""

    stage: ClassVar[str] = "intercept"
    after: ClassVar[tuple[str, ...]] = ("logging", "security", "nat", "identify")
    authenticates: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("endpoint", "auth")

    # Kamailio's default (nonce_expire, auth 5.6), Asterisk has 32 s. Replays are refused by their count however long a nonce lives, so a
    # long life costs nothing, and phones that refresh every few minutes to keep a NAT open are spared one round of two.
    nonce_lifetime: float = option(
        300.0, unit="s", validator=attrs.validators.gt(0), help="how long a nonce may be used; then a phone is given another (stale=true)"
    )
    nonces: int = option(
        262144,
        validator=[attrs.validators.ge(1024), attrs.validators.le(1 << 28)],
        help="how many nonces are remembered, rounded up to a power of two, at 8 bytes each; older ones are stale",
    )
    qop: list[str] = option(
        factory=lambda: ["auth"],
        validator=qops,
        help='protection offered in challenges: "auth", "auth-int" (with the body); less is not taken. Some phones cannot read a list',
    )
    require_qop: bool = option(
        True, help='whether answers without qop (RFC 2069) are refused: they cannot count a nonce\'s uses. Where qop lacks "auth" all are'
    )
    strict_uri: bool = option(
        False, help="whether the uri of Authorization must equal the Request-URI; else it need only be of a domain that we serve"
    )
    in_dialog: str = option(
        "elsewhere",
        validator=attrs.validators.in_(("elsewhere", "always", "never")),
        help='which requests of a dialog are challenged: those that come "elsewhere" than by its flow and source, "always", "never"',
    )
    challenge_options: bool = option(False, help="whether OPTIONS to the server itself (no user in the Request-URI) is challenged")

    engine: Any = attrs.field(init=False, default=None)
    used: Any = attrs.field(init=False, default=None)
    """The Nonces, whose uses are remembered."""
    users: Any = attrs.field(init=False, default=None)
    doubts: Any = attrs.field(init=False, default=None)
    """Wrong answers to nonces that are none of ours, by source."""
    unheard: Any = attrs.field(init=False, default=None)
    _realms: dict[str, Realm] = attrs.field(init=False, factory=dict)

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Take over nonces and users from before a reload."""
        self.engine = engine
        self.unheard = engine.bus.unheard
        instance = engine.identifiers.instance
        self.used, self.users, self.doubts = engine.state(
            self,
            lambda: (
                Nonces(engine.key, instance, engine.clock, self.nonce_lifetime, self.nonces),
                Users(engine.dal),
                Rate(DOUBTS_A_SECOND, DOUBTS),
            ),
        )
        self.used.configure(self.nonce_lifetime, self.nonces)

    @hookimpl
    def stop(self) -> None:
        """Follow the store no more."""
        if self.users is not None:
            self.users.close()

    @hookimpl
    def intercept(self, message: Request, passage: Passage) -> Verdict | None:
        """Pass on who has proved himself, or need not; challenge the others."""
        if not message.is_request or message.method in NEVER:
            return None
        dialog = passage.dialog
        if dialog is not None:
            own = by_its_own_way(dialog, passage)
            if self.in_dialog == "never" or (self.in_dialog == "elsewhere" and own):
                return None
            if not own and getattr(dialog, "endpoint", None) is None:  # whoever he proves to be, the dialog is not with him
                if getattr(dialog, "judges", False):
                    return None
                self.engine.tell("request.unexpected", expected=getattr(dialog, "source", None), passage=passage)
                return Reply(403, because="auth: this dialog is with a stranger, and the request does not come from there")
        elif message.to.params.get("tag"):
            return None  # of no dialog here: 481, whoever sent it
        elif message.method == "OPTIONS" and not self.challenge_options and self.engine.is_self(message.uri, passage.flow):
            return None
        endpoint = passage.endpoint
        if endpoint is not None and not endpoint.auth:
            return None if dialog is not None else refusal(self.engine, message, passage, endpoint)
        realm = self._realm(message, passage)
        if message.get("authorization") is None:
            return self.challenge(passage, realm, message.from_.uri.user or "", _no_credentials(passage), told="auth.challenged")
        return self._check(message, passage, realm)

    def _realm(self, message: Request, passage: Passage) -> Realm:
        domains = self.engine.domains
        domain = domains.named.get(message.uri.host) if message.method == "REGISTER" else None
        if domain is None:
            domain = domain_of(domains, message, passage.flow)
        realm = self._realms.get(domain.id)
        if realm is None or realm.domain is not domain:
            realm = self._realms[domain.id] = Realm(domain, self.qop)
        return realm

    # -- refusing ----------------------------------------------------------------------------------------------------

    def challenge(
        self,
        passage: Passage,
        realm: Realm,
        user: str,
        because: str,
        *,
        told: str,
        kind: str = "",
        credentials: Credentials | None = None,
        stale: bool = False,
    ) -> Reply:
        """Return a 401 with fresh challenges. Who refuses what is told on the bus; the answer is the same for all.

        `kind` is what is wrong with `credentials`: "account", "password", "method" or "response". Their nonce (`answered` in the event), if
        it is one of ours, made for this source, proves that the source receives what we send to it. Who answers none of ours may be
        anybody, so what he gets wrong counts against nobody: after some of it he is told no more than that (RFC 7616 3.3: the nonce is
        invalid), whatever his password, and guesses in vain.
        """
        source = passage.flow.peer[0]
        fresh = self.used.make(source)
        if not self.unheard(told):
            self.tell(told, passage, realm, user, because, kind=kind, credentials=credentials, fresh=fresh)
        if credentials is not None and not stale and not self.used.ours(credentials.nonce, source):
            stale = self.doubts.take(source, self.engine.clock.now()) > 0
        return Reply(401, "", realm.challenges(fresh, stale=stale), because=because, stateless=True)

    def tell(
        self,
        told: str,
        passage: Passage,
        realm: Realm,
        user: str,
        because: str,
        *,
        kind: str = "",
        credentials: Credentials | None = None,
        fresh: str = "",
    ) -> None:
        """Tell who is refused; see `challenge`. `fresh` is the nonce that he is given, "" for credentials that others stood beside."""
        flow = passage.flow
        source = flow.peer[0]
        answered = credentials.nonce if credentials is not None else ""
        self.engine.tell(
            told,
            user=user,
            realm=realm.name,
            source=source,
            transport=flow.transport,
            reason=because,
            kind=kind,
            proved=flow.reliable or (bool(answered) and self.used.ours(answered, source)),
            challenge=fresh,
            answered=answered,
            credentials=credentials,
            passage=passage,
        )

    def _check(self, message: Request, passage: Passage, realm: Realm) -> Verdict | None:
        """Try what the request carries. Raises Malformed (400) when it cannot be read; other schemes are nobody's here."""
        ours: list[Credentials] = []
        other = ""
        for value in message.all("authorization")[:FIELDS_READ]:
            credentials = parse_credentials(value)
            if credentials is None:
                continue
            if credentials.realm == realm.name:
                ours.append(credentials)
            else:
                other = credentials.realm
        if len(ours) > 1:  # what answers no nonce of ours stands for nothing beside what does
            source = passage.flow.peer[0]
            ours = [each for each in ours if self.used.ours(each.nonce, source)] or ours[:1]
        if ours:
            return look(self, message, passage, realm, ours)
        because = f"domain.{realm.domain.id}: credentials for the realm {other}" if other else _no_credentials(passage)
        return self.challenge(passage, realm, message.from_.uri.user or "", because, told="auth.challenged")


def _no_credentials(passage: Passage) -> str:
    if passage.endpoint is not None:
        return f"endpoint.{passage.endpoint.id}: no credentials came"
    if passage.identified is None:
        return "auth: nobody asked whose request this is; list 'identify' before 'auth'"
    return "identify: no endpoint fits this request, and no credentials came"
