"""MESSAGE: texts from phone to phone, also to one that is not there yet. RFC 3428."""

from .messages import Messages

__all__ = ["Messages"]
