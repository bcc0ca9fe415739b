"""Who may talk to us at all: allow and deny lists of source networks."""

from .security import Security

__all__ = ["Security"]
