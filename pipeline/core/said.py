"""What was said before the answer and must be said again: the media of a caller who has heard somebody that did not answer.

Rule: the first description that a caller gets holds, so the answer repeats it; other media come with an offer of their own, after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.core.media import Unavailable

if TYPE_CHECKING:
    from pipeline.core.causes import Hangup


class Said:
    """A terminal that answers one offer as it was answered before, and does nothing else."""

    __slots__ = ("_offered", "_said", "provider")

    def __init__(self, provider: str, offered: bytes, said: bytes) -> None:
        self.provider = provider
        self._offered = offered
        self._said = said

    def offer(self) -> bytes | None:
        """There is nothing to offer."""
        raise Unavailable("who was to be heard has gone")

    def answer(self, offer: bytes) -> bytes:
        """Say the same."""
        if offer != self._offered:
            raise Unavailable("who was to be heard has gone")
        return self._said

    def accept(self, answer: bytes) -> None:
        """Nothing was offered."""

    def reject(self, hangup: Hangup) -> None:
        """Nothing was offered."""

    def withdraw(self) -> None:
        """Nothing is waited for."""

    def early(self, answer: bytes) -> bool:
        """Nothing was offered."""
        return False

    def close(self) -> None:
        """There is nothing to let go of."""

    def show(self) -> dict[str, Any]:
        """Tell that nobody is there."""
        return {"with": "nobody"}
