"""The plugin `voicemail`: its options, and where its parts meet.

Rule: what a mailbox is belongs to the room pipeline/mailboxes; here is how people use it: leaving.py callers, hearing.py and entering.py
owners, mailing.py the e-mail. Lamps are lit by whoever hears `mailbox.changed` (plugin `mwi`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import attrs

from pipeline import hookimpl, option, plugin
from pipeline.dal import StorageError
from pipeline.mail import Outbox, Smtp
from pipeline.mailboxes.crash import recover
from pipeline.pending import finished

from .hearing import Hearing
from .leaving import Leaving
from .mailing import mail
from .prompts import Prompts

if TYPE_CHECKING:
    from pipeline.config.checked import Checked
    from pipeline.core import Script
    from pipeline.dal import Mailbox
    from pipeline.engine import Pipeline
    from pipeline.mailboxes import Message

__all__ = ["Voicemail"]

HOUR = 3600.0


class _Lasting:
    """What outlives a reload: mail that waits, and the hourly look for messages that are too old."""

    def __init__(self, engine: Pipeline) -> None:
        self.engine = engine
        self.outbox = Outbox(engine)
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        if self._timer is None:
            self._timer = self.engine.clock.call_later(HOUR, self._due)

    def close(self) -> None:
        self.outbox.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()

    def _due(self) -> None:
        self._timer = self.engine.clock.call_later(HOUR, self._due)
        if self._task is None or self._task.done():
            self._task = self.engine.loop.create_task(self.expire())

    async def expire(self) -> None:
        """Delete what is older than its mailbox keeps it."""
        engine = self.engine
        try:
            found: tuple[Mailbox, ...] = await finished(engine.dal.find("mailbox")) if engine.dal.stores("mailbox") else ()
        except StorageError:
            return  # in an hour again
        for mailbox in found:
            try:
                engine.mailboxes.expire(mailbox, engine.clock.time())
            except OSError as error:  # a file that is not ours to delete: that is one mailbox, and not the others
                engine.core.failed("voicemail", error)
            if mailbox.retention_days:
                await asyncio.sleep(0)  # a hundred small files were read: calls go on between two mailboxes


@plugin
class Voicemail:
    """Takes messages for who does not answer, plays them to their owners, and sends them by e-mail."""

    stage: ClassVar[str] = "integration"
    after: ClassVar[tuple[str, ...]] = ("dialplan",)
    applications: ClassVar[tuple[str, ...]] = ("voicemail", "voicemailmain")

    prompts: str = option(
        "",
        path=True,
        help='a folder of WAV files that replace our English words, by name (see plugins/voicemail/sounds); "" = none',
    )
    min_seconds: float = option(1.0, unit="s", validator=attrs.validators.ge(0), help="what is shorter is no message")
    silence: float = option(
        5.0, unit="s", validator=attrs.validators.ge(0), help="a message ends when nothing was said for so long; 0 = it does not"
    )
    greeting_seconds: float = option(60.0, unit="s", validator=attrs.validators.gt(0), help="how long an owner's greeting may be")
    free_space: int = option(
        100,
        unit="MB",
        validator=attrs.validators.ge(0),
        help="no message is taken while the disk has less left than this; 0 = it is not looked at",
    )
    smtp_host: str = option("", sends=True, help='the server that e-mail is handed to; "" = none is sent')
    smtp_port: int = option(25, validator=attrs.validators.in_(range(1, 65536)), help="its port")
    smtp_security: Literal["none", "starttls", "tls"] = option(
        "none",
        validator=attrs.validators.in_(("none", "starttls", "tls")),
        help='how the way to it is protected: "starttls" (port 587), "tls" (port 465)',
    )
    smtp_username: str = option("", help='user name there; "" = it asks for none')
    smtp_password: str = option("", secret=True, help="its password")
    email_from: str = option("", help='whom e-mail comes from; "" = voicemail@ the first domain')

    prompts_ready: Prompts = attrs.field(init=False, factory=Prompts)
    hearing: Hearing = attrs.field(init=False, default=None)
    _leaving: Leaving = attrs.field(init=False, default=None)
    _engine: Any = attrs.field(init=False, default=None)
    _lasting: Any = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.hearing, self._leaving = Hearing(self), Leaving(self)

    @hookimpl
    async def start(self, engine: Pipeline) -> None:
        """Look at what there is on the disk."""
        self._engine = engine
        self.prompts_ready = Prompts(engine.generation.plan.document.folder / self.prompts if self.prompts else None)
        new = engine.state_key(self) not in engine.states
        self._lasting = engine.state(self, lambda: _Lasting(engine))
        await engine.mailboxes.open()
        if new:
            await recover(engine, self.min_seconds)
        await self._lasting.expire()
        self._lasting.begin()

    @hookimpl
    def stop(self) -> None:
        """Send nothing more, delete nothing more."""
        if self._lasting is not None:
            self._lasting.close()

    @hookimpl
    def channel_application(self, name: str) -> Script | None:
        """Give the two steps."""
        if name == "voicemail":
            return self._leaving.voicemail
        return self.hearing.voicemailmain if name == "voicemailmain" else None

    @hookimpl
    def mailbox_message(self, mailbox: Mailbox, message: Message) -> None:
        """Send it to its owner, if he wants that."""
        if mailbox.email and self.smtp_host:
            server = Smtp(self.smtp_host, self.smtp_port, self.smtp_security, self.smtp_username, self.smtp_password)
            mail(self._engine, self._lasting.outbox, server, self._sender(), mailbox, message)

    @hookimpl
    def check(self, file: Checked) -> None:
        """Say what would not work."""
        if not self.smtp_host:
            for stored, keys in file.objects("mailbox"):
                if getattr(stored, "email", ""):
                    text = f"no e-mail is sent to {stored.email}: [plugin.{file.name}] has no smtp_host"
                    file.warning((*keys, "email"), text, f"write smtp_host in [plugin.{file.name}]")

    def _sender(self) -> str:
        return self.email_from or f"voicemail@{self._engine.domains.first.id}"

    def stats(self) -> dict[str, int]:
        """Return the counters that `sipline show stats` shows."""
        if self._lasting is None:
            return {}
        outbox = self._lasting.outbox
        return {
            "mailboxes": len(self._engine.mailboxes.boxes),
            "mailed": outbox.sent,
            "unmailed": outbox.failed,
            "mail_waiting": len(outbox),
        }
