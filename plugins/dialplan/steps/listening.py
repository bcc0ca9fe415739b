"""`answer`, `ringing`, `progress`, `playback`, `echo`, `wait`, `senddigits`: the call and the house itself.

Rule: what needs the caller to be connected answers first, except where `early` says that it may be heard before.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pipeline.core import State
from pipeline.core.voice import answered, play

from ..patterns import Mistake  # noqa: TID252
from ..run import StepFailed  # noqa: TID252
from ..sounds import sound_of  # noqa: TID252

if TYPE_CHECKING:
    from pipeline.core import Channel

    from ..dialplan import Dialplan  # noqa: TID252

__all__ = ["Listening"]

DIGITS = frozenset("0123456789*#ABCD")
PAUSE = 0.5
"""Seconds of a "w", as in Asterisk's SendDTMF."""
GAP = 0.1
"""Seconds between two digits: ITU-T Q.24 asks receivers for 65 ms at most."""


class Listening:
    """Steps between the caller and the house."""

    def __init__(self, dialplan: Dialplan) -> None:
        self._dialplan = dialplan

    async def answer(self, channel: Channel) -> None:
        """Answer the call."""
        if channel.state is not State.UP:
            await channel.answer()

    async def ringing(self, channel: Channel) -> None:
        """Tell the caller that it rings."""
        channel.ring()

    async def progress(self, channel: Channel) -> None:
        """Let the caller hear what is played before the call is answered."""
        channel.progress()

    async def playback(self, channel: Channel, argument: str | list[str], *, early: bool = False, stop: str = "") -> None:
        """Play one or several sounds, to the end or until one of the digits in `stop`; `early`: without answering the call."""
        if early and channel.state is not State.UP:
            channel.progress()
            sound = channel.sound()
        else:
            sound = await answered(channel)
        if await play(channel, sound, [sound_of(name) for name in ([argument] if isinstance(argument, str) else argument)], stop=stop):
            await channel.digit(0)  # it has done its work

    async def echo(self, channel: Channel, *, stop: str = "#") -> None:
        """Send back to the caller what it says, until it hangs up or sends a digit of `stop`."""
        sound = await answered(channel)
        sound.echo(True)
        try:
            while (await channel.digit(3600.0) or " ") not in stop:
                pass
        finally:
            if channel.media is sound:
                sound.echo(False)

    async def wait(self, channel: Channel, argument: float) -> None:
        """Do nothing for so many seconds."""
        if argument > 0:
            await asyncio.sleep(argument)

    async def senddigits(self, channel: Channel, argument: str, *, milliseconds: int = 100) -> None:
        """Send digits to the caller: 0-9 * # A-D; a "w" waits half a second."""
        for digit in argument.upper():
            if digit == "W":
                await asyncio.sleep(PAUSE)
            elif digit not in DIGITS:
                raise Mistake(f"senddigits: '{digit}' is no digit")
            elif not channel.send_digit(digit, milliseconds):
                raise StepFailed("senddigits: neither the signalling nor the media can carry a digit")
            else:
                await asyncio.sleep(milliseconds / 1000 + GAP)
