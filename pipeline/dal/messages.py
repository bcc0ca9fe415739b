"""The stored type `message`: what could not be delivered yet, or has not reached every device. It waits until its recipient is reached.

Rule: only where [dal] names a backend for `message`; a line there, or none, is the whole decision. Committed before the sender hears that
it was taken.
"""

from typing import ClassVar

import attrs

from pipeline.option import option

from .stored import Stored, register, strings
from .stored import origin as origin_field
from .stored import version as version_field


@attrs.frozen(eq=False, weakref_slot=False)
class Message(Stored):
    """A message that waits for its recipient."""

    owner: ClassVar[str] = "recipient"
    on_demand: ClassVar[bool] = True

    id: str = option(help="name of the message")
    recipient: str = option(default="", refers="aor", help="whom it is for: an address of record")
    narrow: str = option(default="", help="what of it is meant, where that is not all: one phone (RFC 5627), or those reached over TLS")
    sender: str = option(default="", help="whose limits it counts in")
    author: str = option(default="", help="who wrote it, as its recipient is shown")
    media_type: str = option(default="text/plain", help="media type of the body, with its parameters")
    body: str = option(default="", help="the body; what is no UTF-8 as surrogates")
    technology: str = option(default="", help="the technology it came by; empty: it began here")
    details: str = option(default="", help="what that technology carries besides, verbatim")
    created_at: float = option(default=0.0, unit="s", help="when it came, seconds since 1970 (UTC)")
    expires_at: float = option(default=0.0, unit="s", help="when it is thrown away")
    size: int = option(default=0, unit="bytes", help="what it counts in the quota: body and details")
    devices: tuple[str, ...] = option(default=(), converter=strings, help="devices that have it already")
    copy: bool = option(default=False, help="whether somebody has it: it is kept for the recipient's other devices")
    origin: str = origin_field()
    version: int = version_field()


register("message", Message)
