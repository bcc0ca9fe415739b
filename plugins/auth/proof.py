"""One request's proof: its credentials against the users of its endpoint, then its nonce. RFC 7616 3.4.6, RFC 3261 22.4.

Rule: the hash is computed and compared in constant time before anything is decided, for a user who does not exist and for an algorithm
that was not offered as well. The nonce comes last: that it may not be used (again) is told, as stale, only to who knows the password.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import Malformed, Pending, Reply, Unavailable, Uri, Wait
from pipeline.sip.digest import canonical, expected, matches

from .nonces import FRESH, STALE
from .rights import refusal

if TYPE_CHECKING:
    from pipeline import Passage, Request, Verdict
    from pipeline.dal import Auth as User
    from pipeline.sip.digest import Credentials

    from .auth import Auth
    from .realm import Realm


class Proof:
    """The credentials of one request for our realm, tried one after the other."""

    __slots__ = ("at", "auth", "message", "ours", "passage", "realm")

    def __init__(self, auth: Auth, message: Request, passage: Passage, realm: Realm, ours: list[Credentials]) -> None:
        self.auth = auth
        self.message = message
        self.passage = passage
        self.realm = realm
        self.ours = ours
        self.at = 0

    def look(self) -> Verdict | None:
        """Look up whose credentials these are."""
        credentials = self.ours[self.at]
        endpoint = self.passage.endpoint
        # For who is not identified something is looked up all the same, and not believed: he shall not be answered sooner.
        ids = endpoint.auth if endpoint is not None else (credentials.username,)
        try:
            user = self.auth.users.user(ids, credentials.username)
        except Unavailable as error:
            return Reply(503, headers=(("Retry-After", "5"),), because=f"auth: the credentials cannot be read: {error}", stateless=True)
        if isinstance(user, Pending):
            return Wait(user, self.prove, because="auth: the credentials cannot be read")
        return self.prove(user)

    def prove(self, user: User | None) -> Verdict | None:
        """Compute and compare, then see what else may be wrong."""
        credentials, realm, message = self.ours[self.at], self.realm, self.message
        algorithm = credentials.algorithm
        if algorithm not in realm.algorithms:
            algorithm = canonical(algorithm)
        offered = algorithm in realm.algorithms
        if not offered:
            algorithm = "MD5"
            credentials = credentials._replace(algorithm=algorithm)
        ha1 = ""
        if user is not None and self.passage.endpoint is not None:
            ha1 = self.auth.users.hash_of(user, algorithm, realm.name)
        right = matches(expected(credentials, ha1 or realm.dummy[algorithm], message.method, message.body), credentials.response)
        if user is not None and ha1 and right and offered:
            because = self._misdirected(credentials)
            if not because:
                return self._proved(credentials, user)
        else:
            because = self._why(user, ha1, offered=offered)
        self.at += 1
        if self.at < len(self.ours):
            return self.look()
        return self.auth.challenge(self.passage, realm, credentials.username, because, told="auth.failed")

    def _misdirected(self, credentials: Credentials) -> str:
        """Say what is wrong with an answer that knows the password; "": nothing."""
        if not credentials.qop:
            return "require_qop: the response was made without qop" if self.auth.require_qop else ""
        if not credentials.nonce_count:
            return "qop: a nonce count begins with 1 (RFC 7616 3.4)"
        return ""

    def _proved(self, credentials: Credentials, user: User) -> Verdict | None:
        """The password is right: the uri and the nonce are left to be judged."""
        auth, passage, message = self.auth, self.passage, self.message
        uri = credentials.uri
        if uri != message.uri_text and (auth.strict_uri or not self._serves(uri)):
            because = f"strict_uri: the uri {uri} of the credentials is not that of the request, or of no domain of ours"
            return auth.challenge(passage, self.realm, credentials.username, because, told="auth.failed")
        source = passage.flow.peer[0]
        # Without counts a nonce is good for one request.
        state = auth.used.use(credentials.nonce, source, credentials.nonce_count if credentials.qop else 1)
        if state != FRESH:
            if state == STALE:
                because = f"nonce_lifetime: auth.{user.id} is right, but the nonce is too old, another address's, or none of ours"
            else:
                because = f"auth.{user.id}: is right, but this count of the nonce was used before, or is too old to tell"
            return auth.challenge(passage, self.realm, credentials.username, because, told="auth.stale", stale=True)
        passage.identity = credentials.username
        auth.engine.tell(
            "auth.succeeded", user=credentials.username, realm=self.realm.name, source=source, transport=passage.flow.transport
        )
        if passage.dialog is not None or passage.endpoint is None:
            return None
        return refusal(auth.engine, message, passage, passage.endpoint)

    def _serves(self, text: str) -> bool:
        """Tell whether a digest-uri names a domain or a user of ours."""
        try:
            uri = Uri.parse(text)
        except Malformed:
            return False
        return bool(uri.host) and self.auth.engine.domain_of(uri.host, self.passage.flow) is not None

    def _why(self, user: User | None, ha1: str, *, offered: bool) -> str:
        """What is wrong, for the engineer; the answer tells nothing of it."""
        credentials, endpoint = self.ours[self.at], self.passage.endpoint
        if endpoint is None:
            return "identify: no endpoint fits this request, whatever its credentials"
        if user is None:
            hint = "; sipsak sends it so when it is not told -u" if credentials.username.endswith("@") else ""
            return f"endpoint.{endpoint.id}: none of its auth has the user name {credentials.username}{hint}"
        if not offered:
            return f"domain.{self.realm.domain.id}: the algorithm {credentials.algorithm or 'MD5'} is none of its algorithms"
        if not ha1:
            return f"auth.{user.id}: it has neither a password nor a hash for {credentials.algorithm or 'MD5'}"
        return f"auth.{user.id}: the response does not fit the password"
