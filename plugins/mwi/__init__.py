"""The plugin `mwi`: lamps that say that messages are waiting. RFC 3842."""

from .mwi import Mwi

__all__ = ["Mwi"]
