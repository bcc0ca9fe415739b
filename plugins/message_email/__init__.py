"""Messages that become e-mail: a plugin as their recipient."""

from .message_email import MessageEmail

__all__ = ["MessageEmail"]
