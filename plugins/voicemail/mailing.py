"""A message by e-mail: who called and when, with the sound attached. What the plugin itself does with the hook `mailbox_message`.

Rule: the mail is written in the thread that sends it. It is told what came of it (events `mailbox.mailed`, `mailbox.unmailed`); the message
stays in the mailbox unless it was sent with its sound and the mailbox says `delete_after_email`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.dal import Mailbox
    from pipeline.engine import Pipeline
    from pipeline.mail import Outbox, Smtp, Unsent
    from pipeline.mailboxes import Message

__all__ = ["mail"]

LARGEST = 20_000_000
"""Bytes of a WAV file that are attached: most servers take 25 to 35 MB, and base64 makes a third more of it."""


def mail(engine: Pipeline, outbox: Outbox, server: Smtp, sender: str, mailbox: Mailbox, message: Message) -> None:
    """Have a message sent to its owner."""
    write = partial(_write, engine, sender, mailbox, message)
    outbox.post(server, write, partial(_told, engine, mailbox, message))


def _write(engine: Pipeline, sender: str, mailbox: Mailbox, message: Message) -> EmailMessage:
    about, clock = message.about(), engine.clock
    number, name = _line(about.get("caller_number")), _line(about.get("caller_name"))
    caller = f"{name} <{number}>" if name and number else name or number or "an unknown caller"
    seconds = about.get("seconds")
    length = f"{int(seconds) // 60}:{int(seconds) % 60:02}" if isinstance(seconds, int | float) else ""
    when = datetime.fromtimestamp(about.get("time") or clock.time(), UTC).astimezone(clock.zone)
    mail = EmailMessage()
    kind = "Urgent voice" if message.urgent else "Voice"
    mail["Subject"] = f"{kind} message from {name or number or caller}" + (f" ({length})" if length else "")
    mail["From"], mail["To"] = sender, mailbox.email
    mail["Date"] = format_datetime(when)
    mail["Message-ID"] = make_msgid(domain=engine.domains.first.id if "." in engine.domains.first.id else "sipline.invalid")
    mail["Message-Context"] = "voice-message"  # RFC 3458
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation notice comes back
    if message.urgent:
        mail["Importance"] = "high"
    mail.set_content(
        f"{caller} has left a message for {mailbox.id}.\n\n"
        f"When:   {when:%Y-%m-%d %H:%M:%S %Z}\nLength: {length or 'unknown'}\n" + ("" if mailbox.attach else "\nIt is in your mailbox.\n")
    )
    if mailbox.attach:
        with _sound(message).open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) <= LARGEST:
            mail.add_attachment(data, maintype="audio", subtype="x-wav", filename=f"message-{when:%Y%m%d-%H%M%S}.wav")
    return mail


def _sound(message: Message) -> Path:
    """Where the WAV file is now: its owner may have heard the message before it could be sent."""
    if not message.path.exists() and (old := message.path.parent.with_name("old") / message.path.name).exists():
        return old
    return message.path


def _line(value: object) -> str:
    """Make one printable line of what a caller may have chosen."""
    text = str(value or "")[:80].encode("utf-8", "replace").decode()
    return "".join(sign if sign.isprintable() and sign not in "<>" else " " for sign in text).strip()


def _told(engine: Pipeline, mailbox: Mailbox, message: Message, error: Unsent | None, again: bool) -> None:
    if error is not None:
        engine.tell("mailbox.unmailed", mailbox=mailbox.id, message=message.name, to=mailbox.email, error=str(error), again=again)
        return
    engine.tell("mailbox.mailed", mailbox=mailbox.id, message=message.name, to=mailbox.email)
    if mailbox.delete_after_email and mailbox.attach:
        for part in ("new", "old"):
            for kept in engine.mailboxes.box(mailbox.id).messages(part):
                if kept.name == message.name:
                    engine.mailboxes.delete(kept)
