"""Sending e-mail: what plugins that mail something share. SMTP (RFC 5321) by the standard library, in a thread.

Rule: nothing here holds the loop or a call. What cannot be sent now is tried again a few times, then given up; both are told to whoever
posted it. What waits is bounded, and lost when the server stops: who must not lose it keeps it himself.
"""

from __future__ import annotations

import smtplib
import ssl
from collections import deque
from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from email.message import EmailMessage

    from pipeline.engine import Pipeline

__all__ = ["RETRIES", "Outbox", "Smtp", "Unsent"]

RETRIES = (60.0, 300.0, 900.0, 3600.0)
"""Seconds until it is tried again: RFC 5321 4.5.4.1 asks for 30 minutes in the long run; first a restart of that server is waited for."""
WAITING = 1000
"""Messages that wait; one of three minutes is 3 MB once encoded, made only when it is sent."""


class Unsent(Exception):  # noqa: N818  it says what is
    """A message was not sent; its text says why. `for_good`: the server refuses it, trying again is no use."""

    def __init__(self, why: str, *, for_good: bool = False) -> None:
        super().__init__(why)
        self.for_good = for_good


@attrs.frozen
class Smtp:
    """A server that takes mail."""

    host: str
    port: int = 25
    security: Literal["none", "starttls", "tls"] = "none"
    username: str = ""
    password: str = attrs.field(default="", repr=False)
    seconds: float = 30.0
    """How long each step may take."""

    def send(self, message: EmailMessage) -> None:
        """Send a message; raises Unsent. It waits: for a thread."""
        try:
            context = None if self.security == "none" else ssl.create_default_context()
            if self.security == "tls":
                client: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=self.seconds, context=context)
            else:
                client = smtplib.SMTP(self.host, self.port, timeout=self.seconds)
            with client:
                if self.security == "starttls":
                    client.starttls(context=context)
                if self.username:
                    client.login(self.username, self.password)
                client.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise Unsent(f"the recipient was refused: {error.recipients}", for_good=min(codes, default=500) >= 500) from error
        except smtplib.SMTPResponseException as error:
            text = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else str(error.smtp_error)
            raise Unsent(f"{error.smtp_code} {text}", for_good=error.smtp_code >= 500) from error
        except (OSError, smtplib.SMTPException, ValueError, UnicodeError) as error:
            raise Unsent(str(error) or repr(error)) from error


@attrs.define(eq=False)
class _Letter:
    server: Smtp
    write: Callable[[], EmailMessage]
    told: Callable[[Unsent | None, bool], object]
    tries: int = 0


class Outbox:
    """What waits to be sent: one at a time, so that a slow server takes one thread and no more."""

    def __init__(self, engine: Pipeline) -> None:
        self._engine = engine
        self._waiting: deque[_Letter] = deque()
        self._later: set[asyncio.TimerHandle] = set()
        self._sending: asyncio.Task[None] | None = None
        self._under_way = 0
        self.sent = 0
        self.failed = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._later) + self._under_way

    def post(self, server: Smtp, write: Callable[[], EmailMessage], told: Callable[[Unsent | None, bool], object]) -> None:
        """Send what `write()` makes (called in the thread). `told(error, again)`; None: it is sent, else whether it is tried again."""
        letter = _Letter(server, write, told)
        if len(self) >= WAITING:
            self.failed += 1
            told(Unsent(f"{WAITING} messages are waiting already"), False)
            return
        self._push(letter)

    def close(self) -> None:
        """Send no more."""
        self._waiting.clear()
        for handle in self._later:
            handle.cancel()
        self._later.clear()
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None  # one that had not begun yet would not say so itself

    def _push(self, letter: _Letter) -> None:
        self._waiting.append(letter)
        if self._sending is None:
            self._sending = self._engine.loop.create_task(self._send())

    async def _send(self) -> None:
        try:
            while self._waiting:
                letter, self._under_way = self._waiting.popleft(), 1
                error: Unsent | None = None
                try:
                    await self._engine.loop.run_in_executor(None, _deliver, letter)
                except Unsent as unsent:
                    error = unsent
                except Exception as wrong:  # the letter could not be written: its file is gone
                    error = Unsent(str(wrong) or repr(wrong), for_good=True)
                self._under_way = 0
                self._came_to(letter, error)
        finally:
            self._sending, self._under_way = None, 0

    def _came_to(self, letter: _Letter, error: Unsent | None) -> None:
        again = error is not None and not error.for_good and letter.tries < len(RETRIES)
        if error is None:
            self.sent += 1
        elif again:
            handle = self._engine.clock.call_later(RETRIES[letter.tries], lambda: self._again(letter, handle))
            self._later.add(handle)
            letter.tries += 1
        else:
            self.failed += 1
        try:
            letter.told(error, again)
        except Exception as wrong:
            self._engine.tell("step.failed", plugin="mail", stage="integration", error=repr(wrong), exception=wrong, passage=None)

    def _again(self, letter: _Letter, handle: asyncio.TimerHandle) -> None:
        self._later.discard(handle)
        self._push(letter)


def _deliver(letter: _Letter) -> None:
    letter.server.send(letter.write())
