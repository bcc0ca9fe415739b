"""The `conference` plugin: who is in a conference. RFC 4575."""

from .conference import Conference

__all__ = ["Conference"]
