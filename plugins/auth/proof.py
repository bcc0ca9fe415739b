"""One request's proof: its credentials against the users of its endpoint, then its nonce. RFC 7616 3.4.6, RFC 3261 22.4.

Rule: the hash is computed and compared in constant time before anything is decided, for a user who does not exist and for an algorithm
that was not offered as well. The nonce comes last: that it may not be used (again) is told, as stale, only to who knows the password, or
to everybody alike where somebody guesses.
Each of several credentials in one request that fails is a failure, whatever becomes of the others, or who guesses would hide behind them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pipeline import Malformed, Pending, Reply, Unavailable, Uri, Wait
from pipeline.sip.digest import canonical, expected, matches

from .nonces import FRESH, STALE
from .rights import refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline import Passage, Request, Verdict
    from pipeline.dal import Auth as User
    from pipeline.sip.digest import Credentials

    from .auth import Auth
    from .realm import Realm


Failed = tuple[tuple["Credentials", str, str], ...]
"""Credentials that did not prove anything, each with what is wrong: its kind, and the reason."""


def look(auth: Auth, message: Request, passage: Passage, realm: Realm, ours: list[Credentials], failed: Failed = ()) -> Verdict | None:
    """Look up whose credentials the first of `ours` are, and judge them; then the next. `failed`: those before them."""
    username = ours[0].username
    endpoint = passage.endpoint
    # For who is not identified something is looked up all the same, and not believed: he shall not be answered sooner.
    ids = endpoint.auth if endpoint is not None else (username,)
    try:
        user = auth.users.user(ids, username)
    except Unavailable as error:
        return Reply(503, headers=(("Retry-After", "5"),), because=f"auth: the credentials cannot be read: {error}", stateless=True)
    if type(user) is Pending:
        return Wait(user, partial(_prove, auth, message, passage, realm, ours, failed), because="auth: the credentials cannot be read")
    return _prove(auth, message, passage, realm, ours, failed, user)


def _prove(
    auth: Auth, message: Request, passage: Passage, realm: Realm, ours: list[Credentials], failed: Failed, user: User | None
) -> Verdict | None:
    """Compute and compare, then see what else may be wrong."""
    credentials = ours[0]
    algorithm = credentials.algorithm
    if algorithm not in realm.algorithms:
        algorithm = canonical(algorithm)
    offered = algorithm in realm.algorithms
    if not offered:
        algorithm = "MD5"
        credentials = credentials._replace(algorithm=algorithm)
    ha1 = ""
    if user is not None and passage.endpoint is not None:
        ha1 = auth.users.hash_of(user, algorithm, realm.name)
    right = matches(expected(credentials, ha1 or realm.dummy[algorithm], message.method, message.body), credentials.response)
    if user is not None and ha1 and right and offered:
        count = int(credentials.nc, 16) if credentials.nc else 0
        qop = credentials.qop
        kind = "method"
        if not qop and auth.require_qop:
            because = "require_qop: the response was made without qop"
        elif not qop and "auth" not in auth.qop:
            because = "qop: the response was made without qop, which protects no body as auth-int does"
        elif qop == "auth" and qop not in auth.qop:  # auth-int is more than was asked, and taken
            because = "qop: auth was not offered, for it protects no body (RFC 7616 3.4)"
        elif qop and not count:
            kind = "response"
            because = "qop: a nonce count begins with 1 (RFC 7616 3.4)"
        else:
            if failed:  # who knows one password may not guess another beside it; two answers of one user (RFC 8760) are no guess
                _tell(auth, passage, realm, [each for each in failed if each[0].username != credentials.username])
            # without counts a nonce is good for one request
            return _proved(auth, message, passage, realm, credentials, user, count if qop else 1)
    else:
        kind, because = _why(passage, realm, ours[0], user, ha1, offered=offered)
    if len(ours) > 1:
        return look(auth, message, passage, realm, ours[1:], (*failed, (ours[0], kind, because)))
    _tell(auth, passage, realm, failed)
    return auth.challenge(passage, realm, credentials.username, because, told="auth.failed", kind=kind, credentials=ours[0])


def _tell(auth: Auth, passage: Passage, realm: Realm, failed: Iterable[tuple[Credentials, str, str]]) -> None:
    """Tell of credentials that failed beside others."""
    for credentials, kind, because in failed:
        auth.tell("auth.failed", passage, realm, credentials.username, because, kind=kind, credentials=credentials)


def _proved(
    auth: Auth, message: Request, passage: Passage, realm: Realm, credentials: Credentials, user: User, count: int
) -> Verdict | None:
    """The password is right: the uri and the nonce are left to be judged."""
    uri = credentials.uri
    if uri != message.uri_text and (auth.strict_uri or not _serves(auth, passage, uri)):
        because = f"strict_uri: the uri {uri} of the credentials is not that of the request, or of no domain of ours"
        return auth.challenge(passage, realm, credentials.username, because, told="auth.failed", kind="response", credentials=credentials)
    source = passage.flow.peer[0]
    state = auth.used.use(credentials.nonce, source, count)
    if state != FRESH:
        if state == STALE:
            because = f"nonce_lifetime: auth.{user.id} is right, but the nonce is too old, another address's, or none of ours"
        else:
            because = f"auth.{user.id}: is right, but this count of the nonce was used before, or is too old to tell"
        return auth.challenge(passage, realm, credentials.username, because, told="auth.stale", credentials=credentials, stale=True)
    passage.identity = credentials.username
    if not auth.unheard("auth.succeeded"):
        auth.engine.tell(
            "auth.succeeded",
            user=credentials.username,
            realm=realm.name,
            source=source,
            transport=passage.flow.transport,
            passage=passage,
        )
    if passage.dialog is not None or passage.endpoint is None:
        return None
    return refusal(auth.engine, message, passage, passage.endpoint)


def _serves(auth: Auth, passage: Passage, text: str) -> bool:
    """Tell whether a digest-uri names a domain or a user of ours."""
    try:
        uri = Uri.parse(text)
    except Malformed:
        return False
    return bool(uri.host) and auth.engine.domain_of(uri.host, passage.flow) is not None


def _why(passage: Passage, realm: Realm, credentials: Credentials, user: User | None, ha1: str, *, offered: bool) -> tuple[str, str]:
    """What is wrong, for events and for the engineer; the answer tells nothing of it."""
    endpoint = passage.endpoint
    if endpoint is None:
        return "account", "identify: no endpoint fits this request, whatever its credentials"
    if user is None:
        hint = "; sipsak sends it so when it is not told -u" if credentials.username.endswith("@") else ""
        return "account", f"endpoint.{endpoint.id}: none of its auth has the user name {credentials.username}{hint}"
    if not offered:
        return "method", f"domain.{realm.domain.id}: the algorithm {credentials.algorithm or 'MD5'} is none of its algorithms"
    if not ha1:
        return "account", f"auth.{user.id}: it has neither a password nor a hash for {credentials.algorithm or 'MD5'}"
    return "password", f"auth.{user.id}: the response does not fit the password"
