"""The `options` plugin: what this server can do, and whether a user could be called. RFC 3261 11."""

from .options import Options

__all__ = ["Options"]
