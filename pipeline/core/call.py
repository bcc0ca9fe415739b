"""A call: what the channels share that belong together, from the first one to the last one's end. Then its record is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.channel import State

if TYPE_CHECKING:
    from pipeline.core.channel import Channel
    from pipeline.core.core import Core

AT_ONCE = 10
"""Rounds of dialling within one second: a callee that is busy says so in a tenth of it, and a script may try again and again."""
DEPTH = 1000
"""And in all: a script that tries the next one every fifteen seconds does so for four hours."""

FORWARDED = 10
"""Places that one call is forwarded to at most (RFC 3261 8.1.3.4 wants each tried once; Asterisk stops a chain of forwards too)."""


class Call:
    """The channels of one call. Made by `Core.channel`."""

    __slots__ = (
        "_dialed", "_forwarded", "_since", "answerer", "channels", "core", "created", "dials", "foreign", "id", "owner", "variables",
    )  # fmt: skip

    def __init__(self, core: Core, ident: str) -> None:
        self.core = core
        self.id = ident
        """Unique for ever: its record has the same."""
        self.created = core.clock.time()
        self.channels: list[Channel] = []
        """Those that live, the first first."""
        self.owner: Channel | None = None
        """The first: who called, or who was called first."""
        self.answerer: Channel | None = None
        """Who answered the owner's call last."""
        self.variables: dict[str, str] = {}
        """Variables of the whole call, for whoever has something to say to another of its channels."""
        self.foreign: frozenset[str] = frozenset()
        """Those of them whose value a far side chose, or part of it: whoever makes an address of one takes care."""
        self.dials = 0
        """How often somebody was dialled for it."""
        self._dialed, self._since = 0, 0.0
        self._forwarded: frozenset[tuple[str, str]] = frozenset()

    def dialing(self) -> bool:
        """Count that somebody is dialled for it; False: too often in one second, or in all. A script that dials in a circle ends there."""
        now = self.core.clock.now()
        if now - self._since > 1.0:
            self._since, self._dialed = now, 0
        self._dialed += 1
        self.dials += 1
        return self._dialed <= AT_ONCE and self.dials <= DEPTH

    def forwarding(self, context: str, extension: str) -> bool:
        """Note that it is forwarded to an extension; False: it has been already, or too often."""
        where = (context, extension)
        if where in self._forwarded or len(self._forwarded) >= FORWARDED:
            return False
        self._forwarded |= {where}
        return True

    def joined(self, channel: Channel) -> None:
        """Take in a new channel."""
        self.channels.append(channel)
        if self.owner is None:
            self.owner = channel
            self.core.calls[self.id] = self
            self.core.tell("call.begun", call=self)

    def take(self, channel: Channel) -> None:
        """Take in a channel of another call: it is transferred. The other call ends when that was its last."""
        before = channel.call
        if before is self or channel.state is State.ENDED:
            return
        channel.call = self
        self.joined(channel)
        before.left(channel)

    def apart(self) -> Call:
        """Return a new call with the same variables, for a channel that is to leave this one."""
        call = Call(self.core, self.core.engine.token(8))
        call.variables, call.foreign = dict(self.variables), self.foreign
        call.dials, call._forwarded = self.dials, self._forwarded
        return call

    def left(self, channel: Channel) -> None:
        """Let go of a channel that has ended; the last one ends the call.

        What was being called for the owner is called no longer when the owner is gone.
        """
        if channel not in self.channels:
            return
        self.channels.remove(channel)
        if channel is self.owner and (channel.direction == "in" or channel.answered):
            for other in tuple(self.channels):
                if other.direction == "out" and other.state < State.UP and channel.hangup is not None:
                    other.end(channel.hangup)
        if not self.channels and self.core.calls.pop(self.id, None) is not None:
            self.core.ended(self)
