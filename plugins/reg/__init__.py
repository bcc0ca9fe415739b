"""The `reg` plugin: who is registered, where, and how that ended. RFC 3680."""

from .reg import Reg

__all__ = ["Reg"]
