"""The `redirect` server: an INVITE to a bound address of record is told where to go (302). RFC 3261 8.3."""

from .redirect import Redirect

__all__ = ["Redirect"]
