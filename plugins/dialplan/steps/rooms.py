"""`conference`: a room where all hear each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.voice import answered, upon_digit
from pipeline.pending import Pending

if TYPE_CHECKING:
    from pipeline.core import Channel

    from ..dialplan import Dialplan  # noqa: TID252

__all__ = ["Rooms"]


class Rooms:
    """Steps with more than two parties."""

    def __init__(self, dialplan: Dialplan) -> None:
        self._dialplan = dialplan

    async def conference(self, channel: Channel, argument: str = "${extension}", *, leave: str = "") -> None:
        """Join the conference of this name until the caller hangs up, or sends a digit of `leave`: then the steps behind follow."""
        await answered(channel)
        bridge = channel.core.conference(argument)
        await bridge.add(channel)
        done = Pending()

        def resolve(_: object = None) -> None:
            if not done.done:
                done.resolve()

        with upon_digit(channel, leave) as heard:
            heard.then = resolve
            bridge.over().then(resolve)
            await done
        if heard:
            await channel.digit(0)
            bridge.leave(channel)
