"""`pubsub`: who watches what, who published it, and the NOTIFYs that follow. RFC 6665, RFC 3903, RFC 4662, RFC 6446."""

from .pubsub import Pubsub

__all__ = ["Pubsub"]
