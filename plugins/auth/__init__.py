"""Who a request claims to be must be proved: digest authentication, and what the proved may do."""

from .auth import Auth

__all__ = ["Auth"]
