"""Hunt groups: the members are called one after the other, beginning with another one each time. As a step, and by dialling *NAME."""

from pipeline import hookimpl, option, plugin
from pipeline.core import Cause, Channel, Dialed, Hangup, Script, Unroutable, Wanted
from pipeline.pending import finished


@plugin
class Hunt:
    """Groups that share their calls: `{ hunt = "sales", seconds = 10 }`."""

    groups: dict[str, list[str]] = option(factory=dict, help="group = whom to call")

    @hookimpl
    def channel_application(self, name: str) -> Script | None:
        return self.hunt if name == "hunt" else None

    @hookimpl
    def route_call(self, dialed: Dialed) -> Script | None:
        star, _, group = dialed.extension.partition("*")
        return None if star or group not in self.groups else lambda channel: self.hunt(channel, group)

    async def hunt(self, channel: Channel, argument: str, *, seconds: float = 15.0) -> Hangup:
        self.groups[argument] = [*self.groups[argument][1:], self.groups[argument][0]]
        for member in self.groups[argument]:
            try:
                attempts = await finished(channel.core.request(member, Wanted(caller=channel, party=channel.caller)))
            except Unroutable:
                continue  # not registered
            if (await channel.core.dial(channel, attempts, seconds)).answered:
                return await channel.over()
        return Hangup(Cause.NO_ANSWER)
