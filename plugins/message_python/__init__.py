"""Messages that call a Python function: a plugin as their recipient."""

from .message_python import MessagePython

__all__ = ["MessagePython"]
