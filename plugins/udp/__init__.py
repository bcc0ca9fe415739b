"""The `udp` transport: one socket per bound address, one flow per datagram's source. RFC 3261 18, RFC 3581."""

from .udp import Udp

__all__ = ["Udp"]
