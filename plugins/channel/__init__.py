"""The SIP channel driver: INVITE sessions, each the leg of a channel of the core. RFC 3261 12 to 15."""

from .channel import Channel

__all__ = ["Channel"]
