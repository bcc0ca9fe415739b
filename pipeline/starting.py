"""What keeps a pipeline from starting: a plugin whose hook failed, which stage lists it, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.config.plan import Listing

__all__ = ["NotStarted", "said", "why"]


class NotStarted(Exception):  # noqa: N818 (a sentence for the user)
    """A plugin's `start`, `listen` or `integration` raised: its cause says what."""

    def __init__(self, listing: Listing, hook: str, error: Exception) -> None:
        super().__init__(f"{listing.place}: {why(listing, hook, error)}")


def why(listing: Listing, hook: str, error: Exception) -> str:
    """Say who failed, in which stage, at what, and how."""
    return f"{listing.name} ({listing.stage}) cannot {'listen' if hook == 'listen' else 'start'}: {said(error)}"


def said(error: Exception) -> str:
    """Say an error in one line: in its own words where somebody wrote them for a reader, else with its type."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif not text or not isinstance(error, OSError | ValueError):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return " ".join(text.split())
