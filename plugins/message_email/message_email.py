"""Sends the messages for some recipients on as e-mail.

Rule: its sender is answered when the mail server has taken the mail: 202, for nobody says that it is read; else 503, and it is his to try
again. What waits for the mail server is bounded, and nothing is held but in threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import attrs

from pipeline import Pending, hookimpl, option, plugin
from pipeline.core import Fate, Receipt
from pipeline.mail import Smtp, Unsent

if TYPE_CHECKING:
    import asyncio

    from pipeline.config.checked import Checked
    from pipeline.core import Text
    from pipeline.engine import Pipeline

THREADS = 2
"""Letters that are sent at once."""
WAITING = 100
"""Letters that may wait: at 0.2 s each the last has gone before its sender's transaction ends (32 s, RFC 3261 17.1.2.2)."""
SILENT = ("application/im-iscomposing+xml", "message/imdn+xml")
"""What is about a message, and none itself (RFC 3994, RFC 5438): nobody wants a letter of it."""
FULL = Receipt(Fate.FAILED, "too much mail waits", seconds=30)


class _Post:
    """What outlives a reload: the threads, and the letters that wait for them."""

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="message_email")
        self.sent = self.failed = self.waiting = 0


@plugin
class MessageEmail:
    """Sends messages for some recipients on as e-mail."""

    stage: ClassVar[str] = "integration"
    after: ClassVar[tuple[str, ...]] = ("voicemail",)

    to: dict[str, str] = option(
        factory=dict,
        help='recipient of messages -> e-mail address, as { ops = "ops@corp.example", "help@example.com" = "desk@corp.example" }; a name'
        " alone is in the first domain",
    )
    smtp_host: str = option("localhost", sends=True, help="the server that e-mail is handed to")
    smtp_port: int = option(25, validator=attrs.validators.in_(range(1, 65536)), help="its port")
    smtp_security: Literal["none", "starttls", "tls"] = option(
        "none",
        validator=attrs.validators.in_(("none", "starttls", "tls")),
        help='how the way to it is protected: "starttls" (port 587), "tls" (port 465)',
    )
    smtp_username: str = option("", help='user name there; "" = it asks for none')
    smtp_password: str = option("", secret=True, help="its password")
    email_from: str = option("", help='whom e-mail comes from; "" = messages@ the first domain')
    subject: str = option("Message from {author}", help="its subject; {author} and {recipient} stand for who wrote, and to whom")

    _engine: Any = attrs.field(init=False, default=None)
    _post: Any = attrs.field(init=False, default=None)
    _to: dict[str, str] = attrs.field(init=False, factory=dict)

    @hookimpl
    def check(self, file: Checked) -> None:
        """Say what is no address."""
        keys = ("plugin", file.name, "to")
        if not self.to:
            file.warning(
                file.listed,
                f"'{file.name}' has nobody's messages to send",
                f'write to = {{ ops = "ops@example.com" }} in [plugin.{file.name}]',
            )
        for recipient, address in self.to.items():
            if "@" not in address.strip("@") or any(letter.isspace() for letter in address):
                file.error((*keys, recipient), f"{address!r} is no e-mail address", 'write "user@example.com"')

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Make ready."""
        self._engine = engine
        first = engine.domains.first.id
        self._to = {(name if "@" in name else f"{name}@{first}").lower(): address for name, address in self.to.items()}
        self._post = engine.state(self, _Post)

    @hookimpl
    def stop(self) -> None:
        """Send no more than what is being sent: the server ends, or the file names this plugin no longer."""
        if self._post is not None:
            self._post.threads.shutdown(wait=False, cancel_futures=True)

    @hookimpl
    def route_message(self, text: Text) -> Receipt | Pending | None:
        """Take a message for one of ours."""
        name = text.recipient if "@" in text.recipient else f"{text.recipient}@{self._engine.domains.first.id}"
        address = self._to.get(name.lower())
        if address is None:
            return None
        if text.kind.partition(";")[0].strip().lower() in SILENT:
            return Receipt(Fate.ACCEPTED, "a sign, for which no letter is sent")
        if self._post.waiting >= WAITING:
            return FULL
        return self._send(text, address)

    def _send(self, text: Text, address: str) -> Pending:
        server = Smtp(self.smtp_host, self.smtp_port, self.smtp_security, self.smtp_username, self.smtp_password, seconds=10.0)
        sender = self.email_from or f"messages@{self._engine.domains.first.id}"
        subject, now = self.subject, self._engine.clock.time()

        def work() -> None:
            from .letter import letter  # noqa: PLC0415  the library for e-mail takes 30 ms to load

            server.send(letter(text, sender, address, subject, now))

        result, post = Pending(), self._post

        def done(future: asyncio.Future[None]) -> None:
            post.waiting -= 1
            error = future.exception() if not future.cancelled() else Unsent("the server stops")
            if error is None:
                post.sent += 1
                result.resolve(Receipt(Fate.ACCEPTED, f"sent to {address}"))
                return
            post.failed += 1
            final = isinstance(error, Unsent) and error.for_good
            self._engine.tell("message.unmailed", recipient=text.recipient, to=address, error=str(error))
            result.resolve(Receipt(Fate.REFUSED if final else Fate.FAILED, f"no mail to {address}: {error}", 480, 0 if final else 60))

        post.waiting += 1
        self._engine.loop.run_in_executor(post.threads, work).add_done_callback(done)
        return result

    def stats(self) -> dict[str, int]:
        """Return the counters that `sipline show stats` shows."""
        post = self._post
        return {} if post is None else {"sent": post.sent, "failed": post.failed, "waiting": post.waiting}
