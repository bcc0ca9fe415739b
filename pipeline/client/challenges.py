"""A challenge is answered once per realm: the same request again with credentials and a higher CSeq (RFC 3261 22.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.sip import digest
from pipeline.sip.grammar import Malformed
from pipeline.sip.message import Request

if TYPE_CHECKING:
    from pipeline.engine import Pipeline
    from pipeline.sip.message import Response

    from .branch import Branch

CHALLENGES = 2
"""Challenges of one realm answered for one request: the first and its stale nonce's; whoever asks more often will never be content."""
REALMS = 4
"""Realms that one request proves itself to: a way has few proxies that ask, and who names a new realm each time would ask for ever."""


def answer(engine: Pipeline, branch: Branch, response: Response, challenged: dict[str, int]) -> Request | None:
    """Return a branch's request with the credentials that a challenge wants; None: nobody has any, or it was asked too often.

    `challenged` counts by realm what was answered for this request.
    """
    message = branch.message
    name = "Authorization" if response.status == 401 else "Proxy-Authorization"
    for value in response.all("www-authenticate" if response.status == 401 else "proxy-authenticate"):
        try:
            challenge = digest.parse_challenge(value)
        except Malformed:
            continue
        if challenge is None:
            continue
        realm = challenge.realm
        tried = challenged.get(realm, 0)
        if tried >= CHALLENGES or (tried and not challenge.stale) or (not tried and len(challenged) >= REALMS):
            continue
        found = engine.credentials(realm, branch.passage)
        if found is None:
            continue
        username, hashes = found
        password = hashes.get("")
        if not digest.can_answer(challenge, password, hashes):
            continue
        challenged[realm] = tried + 1
        cnonce = engine.identifiers.token(8)
        credentials = digest.answer(
            challenge,
            message.method,
            message.uri_text,
            username=username,
            password=password,
            ha1=hashes,
            cnonce=cnonce,
            body=message.body,
        )
        return _again(message, name, credentials)
    return None


def _again(message: Request, name: str, credentials: str) -> Request:
    again = Request.new(message.method, message.uri_text, message.items()[1:], message.body)
    again.remove(name.lower())
    again.set("cseq", f"{message.cseq.number + 1} {message.method}", by="stack")
    again.add(name.lower(), credentials, by="stack")
    return again
