"""The stored type `mailbox`: whose it is, and what is done with the messages in it (pipeline/mailboxes, `voicemail`).

Rule: a user needs none: who is named like it owns the mailbox of that name, with these defaults. The id is "alice" in the first domain,
"alice@example.net" in another, as endpoints of users are named. The messages themselves are files, not objects.
"""

from typing import Any, ClassVar

import attrs

from pipeline.option import option

from .stored import Stored, register, strings
from .stored import origin as origin_field
from .stored import version as version_field


def _hash(_: object, attribute: "attrs.Attribute[Any]", value: str) -> None:
    if value and (not value.startswith("scrypt:") or value.count(":") != 2):
        raise ValueError(f'{attribute.name} must be what `sipline mailbox set NAME --pin` stores, "scrypt:salt:hash": no PIN in the clear')


def _digits(_: object, attribute: "attrs.Attribute[Any]", value: str) -> None:
    if value and not value.isdecimal():
        raise ValueError(f"{attribute.name} must be digits, as a phone can dial them")


def _address(_: object, attribute: "attrs.Attribute[Any]", value: str) -> None:
    if value and ("@" not in value[1:-1] or any(sign.isspace() or sign in ",;<>" for sign in value) or not value.isprintable()):
        raise ValueError(f'{attribute.name} must be one address, such as "alice@example.com"')


@attrs.frozen(eq=False, weakref_slot=False)
class Mailbox(Stored):
    """A mailbox for voice messages."""

    indexed = ("aor", "number")
    in_file: ClassVar[bool] = True

    id: str = option(help="name of the mailbox; its messages are in the folder of that name")
    aor: tuple[str, ...] = option(
        default=(), converter=strings, refers="aor", help="addresses of record that it belongs to; [] = the one that is named like it"
    )
    number: str = option(default="", validator=_digits, help='what is dialled to choose it from a foreign phone; "" = its name')
    pin_hash: str = option(
        default="",
        secret=True,
        validator=_hash,
        help='what `sipline mailbox set NAME --pin` makes of a PIN; "" = it is heard from its owner\'s own phones alone',
    )
    email: str = option(default="", validator=_address, help='where each message is sent to; "" = nowhere')
    attach: bool = option(default=True, help="whether that e-mail has the message itself with it, as a WAV file")
    delete_after_email: bool = option(default=False, help="whether a message is deleted here once it has been sent with its sound")
    greeting: str = option(
        default="", help='what callers hear, as in `playback`; "" = the greeting that the owner has recorded, else the standard one'
    )
    max_messages: int = option(
        default=100, validator=attrs.validators.ge(0), help="messages that it holds, new and old; then it takes no more; 0 = no limit"
    )
    max_seconds: int = option(default=180, unit="s", validator=attrs.validators.ge(1), help="how long one message may be")
    retention_days: int = option(default=0, validator=attrs.validators.ge(0), help="after how many days a message is deleted; 0 = never")
    voicemail: bool = option(
        default=True, help="whether it takes messages from who gets no answer, where the context says `voicemail`; false: as busy as it is"
    )
    ring_seconds: int = option(
        default=25, unit="s", validator=attrs.validators.ge(1), help="how long its owner's phones ring before that (`voicemail`)"
    )
    origin: str = origin_field()
    version: int = version_field()


register("mailbox", Mailbox)
