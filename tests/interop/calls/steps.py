"""Steps that a scenario needs and no dialplan has: changes that the house itself makes in the middle of a call. A plugin in one file."""

import asyncio

import attrs

from pipeline import Pending, hookimpl, plugin


async def _change(channel):
    """Put the media of a channel to its peer anew (a re-INVITE)."""
    offer = channel.media.offer()
    answer = channel.leg.change_media(await offer if isinstance(offer, Pending) else offer)
    channel.media.accept(await answer)


@plugin
class Steps:
    """`reinvite = 1.0` and `later = "reinvite"`: after so many seconds, resp. one second after `dial` has connected, towards the callee."""

    _tasks: set = attrs.field(init=False, factory=set)

    @hookimpl
    def channel_application(self, name):
        return {"reinvite": self.reinvite, "later": self.later}.get(name)

    async def reinvite(self, channel, argument: float):
        await asyncio.sleep(argument)
        await _change(channel)

    async def later(self, channel, argument: str):
        async def task():
            await channel.up()
            await asyncio.sleep(1)
            (other,) = (each for each in channel.bridge.channels if each is not channel)
            if argument == "reinvite":
                await _change(other)
            else:
                other.leg.ask("UPDATE", lambda _: None)

        self._tasks.add(asyncio.ensure_future(task()))

    @hookimpl
    async def stop(self):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
