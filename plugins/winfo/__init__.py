"""The `winfo` plugin: who watches somebody, told to himself. RFC 3857, RFC 3858."""

from .winfo import Winfo

__all__ = ["Winfo"]
