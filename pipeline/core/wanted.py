"""What is asked of routing and of the drivers: a call that is to be routed, a channel that is to be made, a script for a channel.

Rule: values only; who answers them is found by the hooks `route_call` and `channel_request`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import attrs

from pipeline.core.causes import Cause, Hangup
from pipeline.core.party import Party

if TYPE_CHECKING:
    from pipeline.core.call import Call
    from pipeline.core.channel import Channel

NOBODY = Party()
Script = Callable[..., Coroutine[Any, Any, Any]]
"""What is done with a channel: `async def script(channel)`; a step of the dialplan is `async def step(channel, argument)`."""


@attrs.frozen(slots=True)
class Dialed:
    """A call that is to be routed: who dialled what."""

    context: str = ""
    """The set of extensions in which it is looked up."""
    extension: str = ""
    """What was dialled: a number or a name."""
    uri: str = ""
    """The whole address as the technology has it; empty: there is none."""
    caller: Party = NOBODY
    endpoint: str = ""
    """The endpoint that calls; empty: not known."""
    technology: str = ""


@attrs.define(slots=True, eq=False)
class Wanted:
    """What the channels that `channel_request` makes are wanted for."""

    caller: Channel | None = None
    """The channel that calls; None: nobody does yet (originate)."""
    party: Party = NOBODY
    """Whom the called party is shown as its caller."""
    seconds: float = 0.0
    """How long it may ring, as far as the driver wants to know; 0: the caller of the hook sees to it."""
    headers: list[tuple[str, str]] = attrs.Factory(list)
    """Extras for the outgoing set-up, copied to `Channel.headers`."""
    variables: dict[str, str] = attrs.Factory(dict)
    """Variables of the new channels."""
    call: Call | None = None
    """The call that the new channels join; None: the caller's, or a new one."""

    only_asked: bool = False
    """Whether it is only asked if the target can be called: a driver makes no channels then, and returns [] where it would."""

    def __attrs_post_init__(self) -> None:
        if self.call is None and self.caller is not None:
            self.call = self.caller.call


class Ended(Exception):  # noqa: N818  it says what happened
    """The channel ended before what was waited for."""

    def __init__(self, hangup: Hangup, target: str = "") -> None:
        super().__init__(str(hangup))
        self.hangup = hangup
        self.target = target
        """Whom the house had called, of a call that it places itself; empty: it is plain who ended."""


class Unroutable(Exception):  # noqa: N818
    """A target that is known but cannot be called, or that nobody knows."""

    def __init__(self, hangup: Hangup | None = None) -> None:
        self.hangup = hangup or Hangup(Cause.UNALLOCATED)
        self.target = ""
        """Which it was, of a call that the house places itself."""
        super().__init__(str(self.hangup))
