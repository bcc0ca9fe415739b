"""The session supplements: hooks of other plugins that see a session's messages, add a header or veto a call (hookspecs, `session_*`).

Rule: the generation has compiled them; a hook that nobody implements is an empty tuple. A supplement that raises where a request waits is
the job's failure, a 500; elsewhere it is counted and named, and the call goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline import Passage, Request, Response, Verdict
    from pipeline.chain import Chain
    from pipeline.core import Hangup
    from pipeline.engine import Pipeline
    from pipeline.generation import Generation

    from .usage import Usage


class Supplements:
    """The supplements of one generation."""

    __slots__ = ("_engine", "generation")

    def __init__(self, engine: Pipeline, generation: Generation) -> None:
        self._engine = engine
        self.generation = generation

    def began(self, session: Usage, message: Request, passage: Passage) -> Verdict | None:
        """Return what a supplement decides about the INVITE that begins a session."""
        return _first(self.generation.session_begin, session, message, passage)

    def asked(self, session: Usage, message: Request, passage: Passage) -> Verdict | None:
        """Return what a supplement decides about a request inside the session."""
        return _first(self.generation.session_request, session, message, passage)

    def answered(self, session: Usage, message: Response) -> None:
        """Show a response to a request of the session."""
        if self.generation.session_response.steps:
            self._all(self.generation.session_response, session, message)

    def ask(self, session: Usage, message: Request) -> None:
        """Show a request of the session that is about to be sent."""
        if self.generation.session_request_out.steps:
            self._all(self.generation.session_request_out, session, message)

    def answer(self, session: Usage, message: Request, status: int) -> list[tuple[str, str]]:
        """Return the fields to add to the answer that the session is about to give."""
        chain = self.generation.session_response_out
        if not chain.steps:
            return []
        return [(str(name), str(value)) for fields in self._all(chain, session, message, status) for name, value in fields]

    def ended(self, session: Usage, hangup: Hangup) -> None:
        """Tell that the session has ended."""
        if self.generation.session_end.steps:
            self._all(self.generation.session_end, session, hangup)

    def _all(self, chain: Chain, *given: Any) -> list[Any]:
        found = []
        for step, name in zip(chain.steps, chain.names, strict=True):
            try:
                value = step(*given)
                if value is not None:
                    found.append(list(value))
            except Exception as error:
                self._engine.counts["failed." + name] += 1
                self._engine.tell("step.failed", plugin=name, stage="application", error=repr(error), exception=error)
        return found


def _first(chain: Chain, *given: Any) -> Verdict | None:
    for step in chain.steps:
        verdict: Verdict | None = step(*given)
        if verdict is not None:
            return verdict
    return None
