"""The step `voicemailmain`: an owner hears his messages, and records his greeting.

    1 new messages   2 saved messages   0 greeting   # leave
    within a message: 5 repeat   6 next   4 previous   7 delete (again: not)   9 save   # back          (Asterisk's digits)

Rule: a message that was heard to its end, or passed by a digit, is old from that moment, so that the lamp goes out at once; one is deleted
when the caller leaves the messages, hanging up included, for until then he may take that back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.voice import BEEP, answered, record, seconds_of

from .entering import enter
from .prompts import digits, moment, number
from .talking import Talk

if TYPE_CHECKING:
    from pipeline.core import Channel
    from pipeline.mailboxes import Box, Mailboxes, Message

    from .voicemail import Voicemail

__all__ = ["Hearing"]

KEYS = "456790#*1"
ROUNDS = 50
"""Menus of one call: a line that nobody hangs up plays for no longer than that."""


class Hearing:
    """The side of owners."""

    def __init__(self, plugin: Voicemail) -> None:
        self._plugin = plugin

    async def voicemailmain(self, channel: Channel, argument: str = "", *, pin: bool = False) -> None:
        """Let an owner hear a mailbox: that of the calling phone, without a PIN; or the one named, whose PIN a foreign phone needs.

        A phone without a mailbox of its own is asked for a number. `pin`: whether it is asked for on the owner's own phones too.
        """
        sound = await answered(channel)
        talk = Talk(channel, sound, self._plugin.prompts_ready)
        mailbox = await enter(talk, argument, always=pin)
        if mailbox is None:
            await talk.say(["goodbye"])
            return
        mailboxes = channel.core.engine.mailboxes
        channel.core.tell("mailbox.entered", mailbox=mailbox.id, channel=channel)
        box = mailboxes.box(mailbox.id)
        box.scan()
        mailboxes.changed(box)
        await _Visit(talk, mailboxes, mailbox.id, self._plugin.greeting_seconds).menu()
        await talk.say(["goodbye"])


class _Visit:
    """One owner in his mailbox."""

    def __init__(self, talk: Talk, mailboxes: Mailboxes, name: str, greeting_seconds: float) -> None:
        self._talk, self._mailboxes, self._name, self._greeting_seconds = talk, mailboxes, name, greeting_seconds

    @property
    def _box(self) -> Box:
        """What is there now: an empty mailbox may be tidied away meanwhile, and begin anew with the next message."""
        return self._mailboxes.box(self._name)

    async def menu(self) -> None:
        """Offer what there is, until he leaves."""
        talk = self._talk
        summary = self._summary()
        for _ in range(ROUNDS):
            choice = await talk.ask([*summary, "main"], "120#*")
            if choice in ("", "#"):
                return
            if choice == "0":
                await self._greeting()
            elif choice in ("1", "2"):
                await self._listen(self._box.messages("new" if choice == "1" else "old"))
                summary = self._summary()
            else:
                summary = self._summary()

    def _summary(self) -> list[str]:
        new, old = len(self._box.messages("new")), len(self._box.messages("old"))
        if not new and not old:
            return ["no-messages"]
        words = ["you-have"]
        if new or not old:
            words += [*number(new), "new", "message" if new == 1 else "messages"]
        if new and old:
            words.append("and")
        if old:
            words += [*number(old), "old", "message" if old == 1 else "messages"]
        return words

    # -- messages ------------------------------------------------------------------------------------------------------

    async def _listen(self, messages: list[Message]) -> None:
        deleted: set[str] = set()
        at = 0
        try:
            for _ in range(ROUNDS + 3 * len(messages)):
                if at >= len(messages):
                    await self._talk.say(["no-more"])
                    return
                if (step := await self._one(messages, at, deleted)) is None:
                    return
                at = max(0, at + step)
        finally:  # he may have hung up: that is how most leave
            for message in messages:
                if message.name in deleted:
                    self._mailboxes.delete(message)

    async def _one(self, messages: list[Message], at: int, deleted: set[str]) -> int | None:
        """Play one message and obey; return how many to go on, None: back to the menu."""
        talk, message = self._talk, messages[at]
        digit = await talk.play(self._intro(message, at + 1), KEYS)
        if not digit:
            digit = await talk.play([message.path], KEYS)
            if not digit:
                messages[at] = message = self._heard(message)
        if not digit:
            digit = await talk.ask(["menu"], KEYS)
        if digit in ("", "#"):
            return None
        if digit == "7" and message.name in deleted:
            deleted.discard(message.name)
            await talk.say(["undeleted"])
            return 0
        if digit in ("6", "7", "9"):
            messages[at] = message = self._heard(message)
        if digit == "7":
            deleted.add(message.name)
            await talk.say(["deleted"])
            return 1
        if digit == "9":
            deleted.discard(message.name)
            await talk.say(["saved"])
            return 1
        return {"6": 1, "4": -1}.get(digit, 0)

    def _heard(self, message: Message) -> Message:
        return (self._mailboxes.move(message, "old") or message) if message.new else message

    def _intro(self, message: Message, position: int) -> list[str]:
        """Say which one it is, from whom, and when."""
        clock, about = self._talk.channel.core.clock, message.about()
        words = [*(["urgent"] if message.urgent else []), "message", *number(position)]
        words += ["from", *(digits(str(about.get("caller_number") or "")) or ["unknown"])]
        if isinstance(when := about.get("time"), int | float):
            words += moment(when, clock.time(), clock.zone)
        return [str(path) for path in self._talk.prompts.files(words)]

    # -- the greeting --------------------------------------------------------------------------------------------------

    async def _greeting(self) -> None:
        talk, greeting = self._talk, self._box.greeting
        for _ in range(ROUNDS):
            choice = await talk.ask(["greeting"], "123#*")
            if choice == "1":
                await self._record()
            elif choice == "2":
                await talk.play([greeting] if greeting.is_file() else talk.prompts.files(["person", "unavailable", "leave"]), "#")
            elif choice == "3":
                greeting.unlink(missing_ok=True)
                await talk.say(["standard"])
            else:
                return

    async def _record(self) -> None:
        talk, greeting = self._talk, self._box.greeting
        fresh = greeting.with_name(f".greeting-{talk.channel.id}.wav")
        fresh.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            for _ in range(ROUNDS):
                await talk.say(["record"])
                await talk.play([BEEP])
                await record(talk.channel, talk.sound, fresh, seconds=self._greeting_seconds, stop="#")
                choice = "2"
                while choice == "2":
                    choice = await talk.ask(["keep"], "123#*")
                    if choice == "2":
                        await talk.play([fresh], "#")
                if choice == "1" and seconds_of(fresh) > 0:
                    fresh.replace(greeting)
                    await talk.say(["saved"])
                if choice != "3":
                    return
        finally:
            fresh.unlink(missing_ok=True)
