"""What stands before the first byte is parsed: lists, scanner signatures, rate limits and bans by source. RFC 3261 26.1.5."""

from .shield import Shield

__all__ = ["Shield"]
