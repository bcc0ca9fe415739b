"""The `dialog` plugin: the calls of a phone, as lamps show them. RFC 4235."""

from .dialog import Dialog

__all__ = ["Dialog"]
