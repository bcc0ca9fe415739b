"""The application and credentials of a scripted phone: a plugin like any other, in a pipeline of the phone's own.

Rule: it decides nothing. What a request gets stands in `script`; what came stands in `received`. An INVITE that the script does not
name makes a call (calls.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Claim, hookimpl, option, plugin

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline import Message, Passage, Verdict


@plugin
class Phone:
    """Answers as the script says, with the credentials it was given."""

    stage: ClassVar[str] = "application"
    methods: ClassVar[tuple[str, ...]] = ("INVITE", "OPTIONS", "MESSAGE", "NOTIFY", "INFO", "BYE", "SUBSCRIBE", "REFER", "UPDATE", "PRACK")
    accepts: ClassVar[tuple[str, ...]] = (
        "application/sdp",
        "text/plain",
        "application/dtmf-relay",
        "message/sipfrag",
        "application/simple-message-summary",
    )
    extensions: ClassVar[tuple[str, ...]] = ("100rel", "timer")

    username: str = option("", help="digest user name")
    password: str = option("", secret=True, help="its password")

    script: dict[str, list[Any]] = attrs.field(init=False, factory=dict)
    """Method -> what it is answered with: statuses or (status, reason, headers, body); OPTIONS [486]. Default [200], and INVITE a call."""
    on_invite: Callable[[Passage], None] | None = attrs.field(init=False, default=None)
    received: list[Any] = attrs.field(init=False, factory=list)
    passages: list[Any] = attrs.field(init=False, factory=list)

    @hookimpl
    def application(self, message: Message, passage: Passage) -> Verdict:
        """Answer as the script says."""
        return Claim("phone", message.call_id, self._answer)

    def _answer(self, passage: Passage) -> None:
        message: Any = passage.message
        self.received.append(message)
        if message.method == "INVITE" and "INVITE" not in self.script and self.on_invite is not None:
            self.on_invite(passage)
            return
        self.passages.append(passage)
        for answer in self.script.get(message.method, [200]):
            status, *rest = answer if isinstance(answer, tuple) else (answer,)
            passage.reply(status, *rest)

    @hookimpl
    def credentials(self) -> tuple[str, dict[str, str]] | None:
        """Give the user name and password for any realm."""
        return (self.username, {"": self.password}) if self.password else None
