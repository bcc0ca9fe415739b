"""The `presence` plugin: who can be reached and what he does, as he publishes it and as the house sees it. RFC 3856, 3863, 4479, 4480."""

from .presence import Presence

__all__ = ["Presence"]
