"""Sipline's own version, as its distribution says it."""

from __future__ import annotations

from functools import cache

__all__ = ["own_version"]


@cache
def own_version() -> str:
    """Give the installed version; the graph and the User-Agent show it."""
    from importlib import metadata  # noqa: PLC0415 (20 ms)

    try:
        return metadata.version("sipline")
    except metadata.PackageNotFoundError:
        return ""
