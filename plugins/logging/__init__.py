"""One line per message, in and out, to a file, the journal or the server's log."""

from .messages import Logging

__all__ = ["Logging"]
