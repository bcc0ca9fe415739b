"""Whose message is this: by From, by Authorization user, by client certificate, by source address."""

from .identify import Identify

__all__ = ["Identify"]
