"""The `tcp` transport: listeners, connections, framing. RFC 3261 18, RFC 5626 (keepalives)."""

from .tcp import Tcp

__all__ = ["Tcp"]
