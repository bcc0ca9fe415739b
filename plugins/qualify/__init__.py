"""The `qualify` plugin: asks contacts whether they are there, so that nobody is called where nobody answers. RFC 3261 11."""

from .qualify import Qualify

__all__ = ["Qualify"]
