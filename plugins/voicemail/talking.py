"""What both sides of a mailbox have in common: saying words, asking for a digit, collecting digits.

Rule: whoever knows the menu need not hear it: any digit that would be an answer ends what is being said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.voice import play

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pipeline.core import Channel, Sound

    from .prompts import Prompts

__all__ = ["Talk"]

ANY = "0123456789*#"
WAIT = 5.0
"""Seconds that a digit is waited for behind a question."""
BETWEEN = 4.0
"""Seconds between two digits of a number."""
LONGEST = 20
"""Digits of a number or PIN."""


class Talk:
    """One caller, and the words that he hears."""

    __slots__ = ("channel", "prompts", "sound")

    def __init__(self, channel: Channel, sound: Sound, prompts: Prompts) -> None:
        self.channel, self.sound, self.prompts = channel, sound, prompts

    async def say(self, words: Iterable[str], stop: str = "") -> str:
        """Say something; return the digit of `stop` that ended it, which is taken."""
        return await self.play(self.prompts.files(words), stop)

    async def play(self, files: Iterable[str | Path], stop: str = "") -> str:
        """Play files; return the digit of `stop` that ended it, which is taken."""
        digit = await play(self.channel, self.sound, files, stop=stop)
        if digit:
            await self.channel.digit(0)
        return digit

    async def ask(self, words: Iterable[str], choices: str, *, times: int = 3) -> str:
        """Ask for one of these digits; "" when none comes. Others are no answer, and it is asked again."""
        said = list(words)
        for _ in range(times):
            digit = await self.channel.digit(0) or await self.say(said, ANY) or await self.channel.digit(WAIT)
            if digit and digit in choices:
                return digit
            if digit:
                await self.say(["invalid"])
        return ""

    async def number(self, words: Iterable[str]) -> str:
        """Ask for a number that ends with #, or with a pause."""
        digit = await self.channel.digit(0) or await self.say(words, ANY) or await self.channel.digit(WAIT)
        found = ""
        while digit and digit != "#" and len(found) < LONGEST:
            found += digit
            digit = await self.channel.digit(BETWEEN)
        return found
