"""MESSAGE from phone to phone, from the server to phones, from phones to plugins: the SIP side of the messaging core. RFC 3428.

Rule: dispatch and options. `incoming` takes what comes, `driver` finds recipients, `place` delivers; what is kept, in which order it goes
and who hears of it is the core's (pipeline/core/messages.py).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Claim, hookimpl, option, plugin
from pipeline.core import Policy

from .driver import Driver
from .incoming import take

if TYPE_CHECKING:
    from pipeline import Passage, Pending, Request, Verdict
    from pipeline.core import Reached, Text
    from pipeline.engine import Pipeline

SERVANT = "messages"


def types(_instance: Any, attribute: attrs.Attribute[Any], value: list[str]) -> None:
    """Validate `types`."""
    for text in value:
        if text.count("/") != 1 or text != text.lower() or ";" in text or " " in text:
            raise ValueError(f'{attribute.name} holds {text!r}: media types are written as "text/plain"')


@plugin
class Messages:
    """Relays and keeps messages: MESSAGE to every device of its recipient, kept until he has one. RFC 3428."""

    stage: ClassVar[str] = "application"
    after: ClassVar[tuple[str, ...]] = ("channel",)
    methods: ClassVar[tuple[str, ...]] = ("MESSAGE",)
    accepts: ClassVar[tuple[str, ...]] = ("text/plain", "message/cpim", "application/im-iscomposing+xml", "message/imdn+xml")
    own_bodies: ClassVar[tuple[str, ...]] = ("MESSAGE",)
    extensions: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ("endpoint", "aor", "contact")

    patience: float = option(
        10.0,
        unit="s",
        validator=[attrs.validators.gt(0), attrs.validators.le(25)],
        help="how long the recipient's phones have to answer before a message is kept and its sender told 202",
    )
    absent: int = option(
        480,
        validator=attrs.validators.in_((480, 202)),
        help="what is answered when no phone can be reached and messages are not kept: 480, or 202 although it is lost",
    )
    types: list[str] = option(factory=list, validator=types, help='media types that are passed, as "text/plain", others get 415; [] = all')
    max_bytes: int = option(
        60_000, unit="bytes", validator=attrs.validators.ge(1), help="longest body that is passed; a longer one gets 413"
    )
    keep_days: float = option(
        7.0,
        validator=attrs.validators.ge(0),
        help="how long a message is kept for who cannot be reached, unless its Expires says less; 0 = not; [dal] names where: message",
    )
    keep_count: int = option(100, validator=attrs.validators.ge(1), help="messages that are kept for one address of record at most")
    keep_bytes: int = option(
        200_000, unit="bytes", validator=attrs.validators.ge(1), help="octets that are kept for one address of record at most"
    )
    keep_by_sender: int = option(200, validator=attrs.validators.ge(1), help="messages of one endpoint that are kept at most, for all")
    late_seconds: float = option(
        0.0,
        unit="s",
        validator=attrs.validators.ge(0),
        help="how long a message that one phone has is kept for the recipient's others, which get it when they register; 0 = not",
    )
    copy_to_sender: bool = option(False, help="whether the sender's other phones get a copy of what he sends")
    sender_rate: float = option(
        10.0, validator=attrs.validators.ge(0), help="messages a second that an endpoint may send in the long run; 0 = no limit"
    )
    sender_burst: int = option(60, validator=attrs.validators.ge(1), help="messages that one of them may send at once")
    stranger_rate: float = option(
        1.0,
        validator=attrs.validators.ge(0),
        help="the same for one address from which senders come whom `identify` does not know; where no `auth` is listed only to plugins;"
        " 0 = no limit but those of `shield`",
    )
    recipient_rate: float = option(
        100.0,
        validator=attrs.validators.ge(0),
        help="messages a second for one recipient, from all together, also for one that a plugin is; 0 = no limit",
    )
    recipient_burst: int = option(200, validator=attrs.validators.ge(1), help="messages for it at once")

    if_listed: ClassVar[tuple[str, ...]] = ("credentials",)

    driver: Any = attrs.field(init=False, default=None)
    _take: Any = attrs.field(init=False, default=None)

    @hookimpl
    async def start(self, engine: Pipeline) -> None:
        """Read what is kept; at a reload, go on with other options."""
        new = False

        def made() -> Driver:
            nonlocal new
            new = True
            return Driver(engine)

        self.driver = engine.state(self, made)
        self._take = partial(take, self)
        engine.core.messages.configure(
            Policy(
                self.patience,
                self.keep_days * 86400,
                self.keep_count,
                self.keep_bytes,
                self.keep_by_sender,
                self.late_seconds,
                self.sender_rate,
                self.sender_burst,
                self.stranger_rate,
                self.recipient_rate,
                self.recipient_burst,
                engine.authenticates,
            )
        )
        if new:
            await self.driver.open()

    @hookimpl
    def stop(self) -> None:
        """Take no part any more: the server ends, or the file names this plugin no longer."""
        if self.driver is not None:
            self.driver.close()

    @hookimpl
    def application(self, message: Request, passage: Passage) -> Verdict | None:
        """Take a MESSAGE."""
        if message.method != "MESSAGE":
            return None
        return Claim(SERVANT, message.uri_text, self._take)

    @hookimpl
    def message_request(self, text: Text) -> Reached | Pending | None:
        """Find the recipient's phones."""
        found: Reached | Pending | None = self.driver.find(text)
        return found

    @hookimpl
    def credentials(self, realm: str, passage: Passage) -> tuple[str, dict[str, str]] | None:
        """Answer those who challenge us as the endpoint's `outbound_auth` says."""
        found: tuple[str, dict[str, str]] | None = self.driver.credentials.answer(realm, passage.endpoint)
        return found

    def stats(self) -> dict[str, int]:
        """Return the counters that `sipline show stats` shows."""
        messages = self.driver.engine.core.messages if self.driver is not None else None
        if messages is None:
            return {}
        return {"under_way": len(messages.lines), "waiting": messages.lines.waiting, "kept": len(messages.keeping)}
