"""The `edge` proxy: phones on this side, their registrar on the other, and flows by which they are reached. RFC 5626 5, RFC 3327."""

from .edge import Edge

__all__ = ["Edge"]
