"""The `refer` plugin: REFER, transfers and calls on behalf of a user. RFC 3515, 3892, 4488, 5589."""

from .refer import Refer

__all__ = ["Refer"]
