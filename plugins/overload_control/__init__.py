"""The `overload_control` interceptor: neighbours tell each other how much less to send, in Via. RFC 7339."""

from .overload_control import OverloadControl

__all__ = ["OverloadControl"]
