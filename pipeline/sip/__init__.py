"""SIP itself: values in, values out. No socket, no clock, no plugin.

The names below are what the rest of the house uses; each file opens with its rule and its RFC section.
"""

from .address import Address
from .dialog import DialogId, dialog_id
from .framing import PING, PONG, Framer, Keepalive, Limits
from .grammar import Malformed
from .message import DIALOG_MAKERS, REASONS, STAR, Cseq, Message, Request, Response
from .parser import parse
from .uri import Uri, host_key
from .validity import check
from .via import Via

__all__ = [
    "DIALOG_MAKERS",
    "PING",
    "PONG",
    "REASONS",
    "STAR",
    "Address",
    "Cseq",
    "DialogId",
    "Framer",
    "Keepalive",
    "Limits",
    "Malformed",
    "Message",
    "Request",
    "Response",
    "Uri",
    "Via",
    "check",
    "dialog_id",
    "host_key",
    "parse",
]
