"""The plugin `voicemail`: people leave messages (step `voicemail`), their owners hear them (step `voicemailmain`) or get them by e-mail."""

from .voicemail import Voicemail

__all__ = ["Voicemail"]
