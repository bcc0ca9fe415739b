"""Challenges are answered once per realm: the same request again with credentials and a higher CSeq (RFC 3261 22.2).

Rule: credentials for several realms accumulate (22.3), since each proxy on the way asks for its own and never sees the answer that only
the next one wanted. A fork's answer may ask for several at once, in fields of both kinds (16.7 step 7). Nonce counts go on: the proxy
that was answered first has seen this nonce with the count before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.sip import digest
from pipeline.sip.grammar import Malformed
from pipeline.sip.message import Request

if TYPE_CHECKING:
    from pipeline.engine import Pipeline
    from pipeline.sip.digest import Challenge
    from pipeline.sip.message import Response

    from .branch import Branch

CHALLENGES = 2
"""Challenges of one realm answered for one request: the first and its stale nonce's; whoever asks more often will never be content."""
REALMS = 4
"""Realms that one request proves itself to: a way has few proxies that ask, and who names a new realm each time would ask for ever."""
KINDS = (("authorization", "www-authenticate"), ("proxy-authorization", "proxy-authenticate"))
"""Where an answer stands, and what asks for it. A proxy and the server behind it may have one realm, and each wants its own field."""


class Proof:
    """What one realm has asked, and what is needed to answer it."""

    __slots__ = ("asked", "challenge", "cnonce", "count", "hashes", "username")

    def __init__(self, challenge: Challenge, username: str, hashes: dict[str, str], cnonce: str, asked: int) -> None:
        self.challenge = challenge
        self.username = username
        self.hashes = hashes
        self.cnonce = cnonce
        self.asked = asked
        """How many of its challenges were answered."""
        self.count = 0
        """The count that its nonce was used with last."""

    def value(self, message: Request) -> str:
        """Return the credentials for the next request."""
        self.count += 1
        return digest.answer(
            self.challenge,
            message.method,
            message.uri_text,
            username=self.username,
            password=self.hashes.get(""),
            ha1=self.hashes,
            cnonce=self.cnonce,
            nc=self.count,
            body=message.body,
        )


Proofs = dict[tuple[str, str], Proof]
"""(field, realm) -> its Proof, for one request to one target."""


def answer(engine: Pipeline, branch: Branch, response: Response, proofs: Proofs) -> Request | None:
    """Return a branch's request with the credentials that challenges want; None: nobody has any, or it was asked too often.

    `proofs` is what this request has been asked before, and is kept there.
    """
    fresh: Proofs = {}
    for field, asks in KINDS:
        for value in response.all(asks):
            proof = _proof(engine, branch, field, value, proofs, fresh)
            if proof is not None:
                fresh[field, proof.challenge.realm] = proof
    if not fresh:
        return None
    proofs.update(fresh)
    dialog = branch.asking.dialog
    # Of a dialog, that number may be another request's by now.
    number = branch.message.cseq.number + 1 if dialog is None else dialog.number()
    return _again(branch.message, proofs, number)


def _proof(engine: Pipeline, branch: Branch, field: str, value: str, proofs: Proofs, fresh: Proofs) -> Proof | None:
    """Return what answers one challenge; None: it cannot, or need not, be answered."""
    try:
        challenge = digest.parse_challenge(value)
    except Malformed:
        return None
    if challenge is None or (field, challenge.realm) in fresh:  # the topmost that we can answer (RFC 8760 2.4)
        return None
    known = proofs.get((field, challenge.realm))
    if known is not None and (known.asked >= CHALLENGES or not challenge.stale):
        return None
    if known is None and len(proofs.keys() | fresh.keys()) >= REALMS:
        return None
    found = engine.credentials(challenge.realm, branch.passage)
    if found is None or not digest.can_answer(challenge, found[1].get(""), found[1]):
        return None
    return Proof(challenge, *found, engine.identifiers.token(8), 1 if known is None else known.asked + 1)


def _again(message: Request, proofs: Proofs, number: int) -> Request:
    fields = message.items()
    # Our Via is made anew; an interceptor may have put a field of its own above it.
    del fields[next(place for place, (name, _) in enumerate(fields) if name.lower() == "via")]
    kept = [(name, value) for name, value in fields if _stays(name.lower(), value, proofs)]
    again = Request.new(message.method, message.uri_text, kept, message.body)
    again.set("cseq", f"{number} {message.method}", by="stack")
    for (field, _), proof in proofs.items():
        again.add(field, proof.value(message), by="stack")
    return again


def _stays(field: str, value: str, proofs: Proofs) -> bool:
    """Tell whether a field is none of the credentials that are made anew: what a caller has answered to others goes on as it came."""
    if not field.endswith("authorization"):
        return True
    try:
        credentials = digest.parse_credentials(value)
    except Malformed:
        return True
    return credentials is None or (field, credentials.realm) not in proofs
