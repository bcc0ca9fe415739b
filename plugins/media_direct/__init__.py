"""The `media_direct` plugin: media flow between the phones, their descriptions are passed on. RFC 3264, RFC 3725."""

from .direct import MediaDirect

__all__ = ["MediaDirect"]
