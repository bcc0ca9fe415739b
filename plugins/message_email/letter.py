"""A message written as e-mail. RFC 5322, RFC 3834.

Rule: nothing that the author wrote stands in a header field but on one line; he is named in the text, and never the sender of the mail.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.core import Text

LONGEST = 200
"""Letters of an author that are shown in a subject."""


def letter(text: Text, sender: str, to: str, subject: str, now: float) -> EmailMessage:
    """Write a message as mail to `to`. In `subject` {author} and {recipient} stand for who wrote, and to whom."""
    author = line(text.origin) or "nobody in particular"
    mail = EmailMessage()
    mail["Subject"] = line(subject.replace("{author}", author).replace("{recipient}", line(text.recipient)))
    mail["From"], mail["To"] = sender, to
    mail["Date"] = format_datetime(datetime.fromtimestamp(text.created_at or now, UTC))
    domain = sender.rpartition("@")[2].rstrip(">")
    mail["Message-ID"] = make_msgid(domain=domain if "." in domain else "sipline.invalid")
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation notice comes back
    kind = text.kind.partition(";")[0].strip().lower() or "text/plain"
    above = f"{author} writes to {line(text.recipient)}:\n\n"
    main, _, sub = kind.partition("/")
    if main == "text" and sub in ("plain", "html"):
        body = text.body.decode("utf-8", "replace").replace("\0", "")
        if sub == "html":
            mail.set_content(above)
            mail.add_alternative(body, subtype="html")
        else:
            mail.set_content(above + body)
    else:
        mail.set_content(above + f"(attached: {kind})\n")
        safe = main.isalnum() and all(letter.isalnum() or letter in "-.+" for letter in sub) and bool(sub)
        main, sub = (main, sub) if safe and main not in ("message", "multipart", "text") else ("application", "octet-stream")
        mail.add_attachment(text.body, maintype=main, subtype=sub, filename="message")
    return mail


def line(text: str) -> str:
    """Return a text as one line that can be printed, of bounded length."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text.encode("utf-8", "replace").decode())
    return shown.strip()[:LONGEST]
