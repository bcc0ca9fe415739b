"""One request of a scripted phone and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.client import Final

if TYPE_CHECKING:
    from pipeline.client import Asking, Outcome
    from pipeline.sip.message import Response


class Attempt:
    """One request of a user agent and what came of it."""

    def __init__(self) -> None:
        self.responses: list[Response] = []
        self.outcome: Outcome | None = None
        self.tries = 0
        self.asking: Asking | None = None

    @property
    def done(self) -> bool:
        """Tell whether it has ended: with a final response or with a failure."""
        return self.outcome is not None

    @property
    def response(self) -> Response:
        """The final response; raises AssertionError when there is none."""
        assert isinstance(self.outcome, Final), f"no final response, but {self.outcome}"
        return self.outcome.response

    @property
    def status(self) -> int:
        """The final status, 0 without one."""
        return self.outcome.response.status if isinstance(self.outcome, Final) else 0
