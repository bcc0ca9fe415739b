"""`mixmonitor`, `stopmixmonitor`: the whole conversation in a file, both sides of it, from one step to another or to the end of the call.

    recordings/NAME.wav             the next ones of the same channel, when its legs are changed: NAME-2.wav …

Rule: names are Asterisk's. A step in front of `dial` or `conference` has the call recorded from the answer on; `sipline record` begins and
ends in mid-call. What cannot be recorded is told, and the call goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core import Refused, Unacceptable, Unavailable
from pipeline.pending import finished

if TYPE_CHECKING:
    from pipeline.core import Channel

__all__ = ["Monitoring"]


class Monitoring:
    """Steps that record conversations."""

    async def mixmonitor(self, channel: Channel, argument: str = "${channel.name}") -> None:
        """Record what is said on this channel by both sides, until `stopmixmonitor` or its end. ${mixmonitor} is the path; "" if not."""
        if channel.monitor is not None:
            return
        path = ""
        try:
            monitor = await finished(channel.core.record(channel, argument))
        except OSError as error:
            channel.core.tell("dialplan.full", channel=channel, path=str(channel.core.recordings), reason=error.strerror or str(error))
        except (Refused, Unacceptable, Unavailable):
            pass  # event `recording.failed`
        else:
            path = str(monitor.path)
        channel.set("mixmonitor", path)

    async def stopmixmonitor(self, channel: Channel) -> None:
        """Record no more."""
        channel.core.end_recording(channel)
