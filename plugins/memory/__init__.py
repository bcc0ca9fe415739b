"""Objects held in memory: as fast as a dict, gone when the server stops."""

from .tables import Memory

__all__ = ["Memory"]
