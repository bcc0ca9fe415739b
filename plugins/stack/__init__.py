"""The `stack` plugin: bytes become messages, and messages find their transaction and dialog. RFC 3261 7, 17, 18.2."""

from .stack import Stack

__all__ = ["Stack"]
