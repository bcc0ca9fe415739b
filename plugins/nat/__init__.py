"""The `nat` interceptor: where requests to a sender really go, and what stands for us outside of our networks. RFC 3581, RFC 5626."""

from .nat import Nat

__all__ = ["Nat"]
