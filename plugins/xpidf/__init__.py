"""The `xpidf` plugin: presence as phones from before RFC 3863 read it."""

from .xpidf import Xpidf

__all__ = ["Xpidf"]
