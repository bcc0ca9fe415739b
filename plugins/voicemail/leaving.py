"""The step `voicemail`: a caller leaves a message.

The greeting (# goes on to the beep, * is for the owner), a beep, the message until #, silence, its longest or the end of the call; behind #
the caller may hear it, record it again, mark it urgent or take it back.

Rule: whoever hangs up has left what he has said, wherever he is, unless he has taken it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core import Cause, Hangup
from pipeline.core.voice import BEEP, answered, record, seconds_of
from pipeline.mailboxes import Full, chosen, mailbox_named, mailbox_of
from pipeline.pending import finished

from .talking import Talk

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.core import Channel
    from pipeline.dal import Mailbox
    from pipeline.engine import Pipeline
    from pipeline.mailboxes import Taking

    from .voicemail import Voicemail

__all__ = ["Leaving", "find"]


async def find(engine: Pipeline, name: str) -> Mailbox | None:
    """Return the mailbox that a step names: by its own name, its number, or the address of record of its owner."""
    mailbox: Mailbox | None = None
    if "@" in name:
        mailbox = await finished(mailbox_of(engine, name))
    return mailbox or await finished(mailbox_named(engine, name)) or await finished(chosen(engine, name))


class Leaving:
    """The side of callers."""

    def __init__(self, plugin: Voicemail) -> None:
        self._plugin = plugin

    async def voicemail(self, channel: Channel, argument: str = "${extension}", *, reason: str = "", review: bool = True) -> Hangup | None:
        """Take a message for a mailbox; ${message} is its path, empty when none was left.

        `reason`: "busy" or "unavailable", what the standard greeting says; "" = as ${dialstatus} has it. `review`: whether the caller may
        hear it and record it again. A name that is no mailbox ends the call as unallocated unless steps follow.
        """
        engine = channel.core.engine
        channel.set("message", "")
        mailbox = await find(engine, argument)
        if mailbox is None:
            engine.tell("mailbox.unknown", mailbox=argument, channel=channel)
            return Hangup(Cause.UNALLOCATED)
        sound = await answered(channel)
        talk = Talk(channel, sound, self._plugin.prompts_ready)
        try:
            taking = engine.mailboxes.take(channel, mailbox, free_space=self._plugin.free_space)
        except Full as full:
            engine.tell("mailbox.full", mailbox=mailbox.id, reason=full.reason, channel=channel)
            await talk.say(["full"])
            return None
        message = _Message(self._plugin, talk, mailbox, taking)
        try:
            digit = await talk.play(self._greeting(channel, mailbox, reason), "#*")
            if digit != "*":
                await message.take(review=review)
        finally:
            kept = message.end()
        if digit == "*":
            await self._plugin.hearing.voicemailmain(channel, mailbox.id)
        elif channel.hangup is None:
            await talk.say(["sent"] if kept else ["cancelled"] if message.taken_back else ["too-short"])
        return None

    def _greeting(self, channel: Channel, mailbox: Mailbox, reason: str) -> list[str | Path]:
        own = channel.core.engine.mailboxes.box(mailbox.id).greeting
        if mailbox.greeting:
            return [mailbox.greeting]
        if own.is_file():
            return [own]
        busy = (reason or channel.variables.get("dialstatus", "")).lower() == "busy"
        return list(self._plugin.prompts_ready.files(["person", "busy" if busy else "unavailable", "leave"]))


class _Message:
    """One message that is being left."""

    def __init__(self, plugin: Voicemail, talk: Talk, mailbox: Mailbox, taking: Taking) -> None:
        self._plugin, self._talk, self._mailbox, self._taking = plugin, talk, mailbox, taking
        self.taken_back = False

    async def take(self, *, review: bool) -> None:
        """Record, and let the caller look at it again, until he is content."""
        talk, taking, plugin = self._talk, self._taking, self._plugin
        while True:
            await talk.play([BEEP])
            taking.begin()
            ended = await record(talk.channel, talk.sound, taking.path, seconds=self._mailbox.max_seconds, silence=plugin.silence, stop="#")
            if not ended or not review:
                return
            choice = "2"
            while choice in ("2", "4"):
                choice = await talk.ask(["review"], "1234*#")
                if choice == "2":
                    await talk.play([taking.path], "#")
                elif choice == "4":
                    taking.urgent = True
                    await talk.say(["marked"])
            if choice == "*":
                self.taken_back = True
            if choice != "3":
                return
            taking.path.unlink(missing_ok=True)

    def end(self) -> bool:
        """Keep what was said, if it is enough to be a message; return whether it was."""
        length = seconds_of(self._taking.path)
        if self.taken_back or length <= 0 or length < self._plugin.min_seconds:
            self._taking.drop()
            return False
        self._taking.keep(length)
        return True
