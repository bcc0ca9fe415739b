"""The `media_local` plugin: media built in, for applications and for phones that cannot reach each other. RFC 3550, 3551, 4733, 4961."""

from .media_local import MediaLocal

__all__ = ["MediaLocal"]
