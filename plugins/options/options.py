"""OPTIONS: to the server itself 200 with what the listed applications offer; to a user the status that an INVITE would get. RFC 3261 11.2.

Rule: it knows no application. Who would answer an INVITE says so in the hook `invite_reply`; when nobody does, the
application stage answers as it would a call that nobody claims (404, 480). Max-Forwards counts for what is sent on, so 0 is served.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Claim, Drop, Reply, Wait, hookimpl, plugin

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline import Passage, Request, Verdict
    from pipeline.engine import Pipeline

    Fields = tuple[tuple[str, str], ...]

ALWAYS = (("Accept-Encoding", "identity"), ("Accept-Language", "en"))
"""Bodies are taken unpacked only; our reason phrases are English."""


@plugin
class Options:
    """Answers OPTIONS as an INVITE would be answered; most phones and monitors use it as a ping."""

    stage: ClassVar[str] = "application"
    after: ClassVar[tuple[str, ...]] = ("refer",)
    methods: ClassVar[tuple[str, ...]] = ("OPTIONS",)

    _engine: Any = attrs.field(init=False, default=None)
    _offer: Any = attrs.field(init=False, default=None)
    _fields: Fields = attrs.field(init=False, default=())

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Remember the pipeline."""
        self._engine = engine

    @hookimpl
    def application(self, message: Request, passage: Passage) -> Verdict | None:
        """Answer for the server, or for the user that is meant.

        Answers are stateless, as RFC 3261 8.2.7 allows where nothing is changed: a retransmission is answered afresh and alike,
        and a monitor's ping every few seconds leaves nothing behind for 32 of them. Not so the answer to who has proved himself: his
        retransmission would be taken for a replay (its nonce count is used) and challenged again.
        """
        if message.method != "OPTIONS":
            return None
        if self._engine.is_self(message.uri, passage.flow):
            return Reply(200, "", self._offered(), stateless=not passage.identity)
        for step in self._engine.generation.invite_reply.steps:
            verdict = step(message, passage)
            if verdict is not None:
                return self._as_options(verdict, passage)
        return None

    def _as_options(self, verdict: Verdict | None, passage: Passage) -> Verdict | None:
        """Turn what an INVITE would get into what this OPTIONS gets."""
        if isinstance(verdict, Wait):
            otherwise = verdict.otherwise
            return Wait(
                verdict.pending,
                partial(self._later, verdict.then, passage),
                None if otherwise is None else partial(self._later, otherwise, passage),
                verdict.because,
            )
        if isinstance(verdict, Claim):  # somebody would take the call: ready for it
            because = verdict.because or f"{verdict.servant} would take the call"
            return Reply(200, "", self._offered(), because=because, stateless=not passage.identity)
        if verdict is None or isinstance(verdict, Drop):
            return verdict
        headers = (*verdict.headers, *self._offered()) if verdict.status < 300 else verdict.headers
        return Reply(verdict.status, verdict.reason, headers, because=verdict.because, stateless=not passage.identity)

    def _later(self, then: Callable[[Any], Verdict | None], passage: Passage, value: Any) -> Verdict | None:
        return self._as_options(then(value), passage)

    def _offered(self) -> Fields:
        """Return Allow, Accept, Supported of this generation and what never changes."""
        offer = self._engine.generation.offer
        if offer is not self._offer:
            self._offer = offer
            self._fields = (*offer.headers, *ALWAYS)
        return self._fields
