"""Who may talk to us at all, by address, user agent and method; and what happened, as security events and lines of a log."""

from .security import Security

__all__ = ["Security"]
