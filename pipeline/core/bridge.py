"""Bridges: a pair of channels that talk to each other, or a mix of any number.

Rule: the legs can be swapped while they live. In a pair the end of one leg ends the other with the same Hangup, unless `keep`; a pair
of one is over. A mix lives as long as somebody is in it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Literal

from pipeline.core.causes import Hangup
from pipeline.core.media import Unavailable
from pipeline.core.wanted import Ended
from pipeline.pending import Pending, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pipeline.core.channel import Channel
    from pipeline.core.core import Core
    from pipeline.core.media import Mixer, Relay, Terminal


class Bridge:
    """Channels that are connected. Made by `Core.bridge` and `Core.conference`."""

    __slots__ = ("_leaving", "_over", "channels", "core", "created", "ended", "hangup", "id", "keep", "kind", "mixer", "name", "relay")

    def __init__(self, core: Core, ident: str, kind: Literal["pair", "mix"], name: str = "") -> None:
        self.core = core
        self.id = ident
        self.kind = kind
        self.name = name
        """Of a conference."""
        self.channels: list[Channel] = []
        self.created = core.clock.time()
        self.relay: Relay | None = None
        self.mixer: Mixer | None = None
        self.keep = False
        """Whether in a pair one leg lives on when the other ends."""
        self.ended = False
        self.hangup: Hangup | None = None
        """Of the leg that ended it."""
        self._leaving: Channel | None = None
        self._over: Pending | None = None

    def __repr__(self) -> str:
        return f"<bridge {self.name or self.id}: {', '.join(channel.name for channel in self.channels)}>"

    def other(self, channel: Channel) -> Channel | None:
        """Return who is in a pair with `channel`; None in a mix, or when it is alone."""
        if self.kind == "pair" and len(self.channels) == 2:
            first, second = self.channels
            return second if first is channel else first
        return None

    def enter(self, channel: Channel) -> None:
        """Note that a channel is in it; its media are the caller's business."""
        if channel.bridge is not None:
            channel.bridge._depart(channel)  # its media are those of here by now
        self.channels.append(channel)
        channel.bridge = self
        self.core.tell("bridge.entered", bridge=self, channel=channel)
        self._follow()

    def add(self, channel: Channel) -> Pending:
        """Take a channel into a mix; done when its far side has agreed to the new media. Fails as `Channel.put` does."""
        if self.kind != "mix":
            raise TypeError("a pair has two; others join by swap()")
        if self.ended:
            return Pending.failed(Ended(Hangup()))
        try:
            if self.mixer is None:
                self.mixer = self.core.media("mix", (channel,))
            seat = self.mixer.terminal(channel)
        except Exception as error:
            if not self.channels:
                self._finish(None)
            return Pending.failed(error)
        self.enter(channel)
        done = channel.put(seat)

        def look(pending: Pending) -> None:
            try:
                pending.value()
            except Exception:
                if channel.bridge is self:
                    self.leave(channel)

        done.then(look)
        return done

    def leave(self, channel: Channel) -> None:
        """Let a channel go, alive and without media. A pair is over then, and the other one stays alive too."""
        if channel in self.channels:
            channel.adopt(None)
        if channel in self.channels:  # whoever hears that its media are gone may have ended it
            self._depart(channel)

    def release(self, channel: Channel) -> None:
        """Let a channel go that has got other media meanwhile. A pair is over then; the other one stays alive, without media."""
        if channel in self.channels:
            self._depart(channel)

    def _depart(self, channel: Channel) -> None:
        self._let(channel)
        if self.mixer is not None:
            self._quietly(lambda: self.mixer.leave(channel))  # type: ignore[union-attr]
        if self.kind == "pair":
            for other in tuple(self.channels):
                self._let(other)
                other.adopt(None)
        if not self.channels:
            self._finish(None)

    def gone(self, channel: Channel, hangup: Hangup) -> None:
        """Hear that a channel in it has ended."""
        if channel not in self.channels:
            return
        self._let(channel)
        if self.mixer is not None:
            self._quietly(lambda: self.mixer.leave(channel))  # type: ignore[union-attr]
        if channel is self._leaving:  # it is being replaced: who stays is not alone for long
            return
        if self.kind == "pair":
            for other in tuple(self.channels):
                if self.keep:
                    self._let(other)
                    other.adopt(None)
                else:
                    other.end(hangup)
            self._finish(hangup)
        elif not self.channels:
            self._finish(hangup)

    def swap(self, old: Channel, new: Channel) -> Pending:
        """Put `new` in the place of `old` of a pair: a new relay, new offers to both, both told who they are connected to now.

        `old` leaves alive and without media; it may end meanwhile. Done when both have agreed; fails with media.Refused and the like:
        nothing has changed then.
        """
        stay = self.other(old)
        if stay is None or self._leaving is not None:
            return Pending.failed(Ended(old.hangup or Hangup()))
        self._leaving = old
        try:
            done = walk(self._swap(stay, old, new))
        except Exception as error:
            return Pending.failed(error)
        return done if isinstance(done, Pending) else Pending.of(self)

    def _swap(self, stay: Channel, old: Channel, new: Channel) -> Generator[Any, Any, Bridge]:
        try:
            relay = yield from join(self.core, stay, new)
        except Exception:
            self._leaving = None
            if old not in self.channels and not self.ended:  # gone meanwhile: nobody is left to talk to
                self.end(old.hangup or Hangup())
            raise
        self._leaving = None
        former, self.relay = self.relay, relay
        if old in self.channels:
            self._let(old)
            old.adopt(None)
        if former is not None:
            self._quietly(former.close)
        self.enter(new)
        stay.update_connected(new.party)
        new.update_connected(stay.party)
        return self

    def join(self) -> Pending:
        """Bring the media of a pair together that were set up apart; when they cannot be, both end."""
        a, b = self.channels

        def work() -> Generator[Any, Any, None]:
            try:
                relay = yield from join(self.core, a, b)
            except Exception as error:
                if not self.ended:
                    self.end(self.core.hangup_of(error))
                return
            if self.ended:
                relay.close()
            else:
                self.relay = relay
                self._follow()

        done = walk(work())
        return done if isinstance(done, Pending) else Pending.of(None)

    def rejoin(self) -> Pending:
        """Give a pair a new relay, by new offers to both; fails as `swap` does, and nothing has changed then."""

        def work() -> Generator[Any, Any, None]:
            if self.kind != "pair" or len(self.channels) != 2:
                raise Unavailable("there are not two to be brought together")
            relay = yield from join(self.core, *self.channels)
            if self.ended:
                relay.close()
                raise Ended(self.hangup or Hangup())
            former, self.relay = self.relay, relay
            if former is not None:
                self._quietly(former.close)
            self._follow()

        try:
            done = walk(work())
        except Exception as error:
            return Pending.failed(error)
        return done if isinstance(done, Pending) else Pending.of(None)

    def _follow(self) -> None:
        """Let the recordings of who is in it begin here."""
        for channel in tuple(self.channels):
            if channel.monitor is not None and (pending := channel.monitor.follow(self)) is not None:
                pending.then(channel.monitor.looked)

    def end(self, hangup: Hangup = Hangup()) -> None:  # noqa: B008  a frozen value
        """End all channels in it, and the bridge."""
        for channel in tuple(self.channels):
            channel.end(hangup)
        self._finish(hangup)

    def over(self) -> Pending:
        """Return what is done when the bridge has ended; its value is the Hangup of the leg that ended it, None when all left alive."""
        if self._over is None:
            self._over = Pending()
            if self.ended:
                self._over.resolve(self.hangup)
        return self._over

    def _let(self, channel: Channel) -> None:
        self.channels.remove(channel)
        channel.bridge = None
        if channel.monitor is not None:
            channel.monitor.leave()
        self.core.tell("bridge.left", bridge=self, channel=channel)

    def _finish(self, hangup: Hangup | None) -> None:
        if self.ended:
            return
        self.ended = True
        self.hangup = hangup
        self.core.bridges.pop(self.id, None)
        if self.core.conferences.get(self.name) is self:
            del self.core.conferences[self.name]
        if self.relay is not None:
            self._quietly(self.relay.close)
        if self.mixer is not None:
            self._quietly(self.mixer.close)
        self.core.tell("bridge.ended", bridge=self)
        if self._over is not None:
            over = self._over
            self._quietly(lambda: over.resolve(hangup))

    def _quietly(self, fn: Callable[[], object]) -> None:
        try:
            fn()
        except Exception as error:
            self.core.failed("bridge", error)


def join(core: Core, a: Channel, b: Channel) -> Generator[Any, Any, Relay]:
    """Bring two channels together that are up, by new offers to both; returns the relay. Raises what a provider does, or Ended."""
    before = [(channel, channel.leg.said) for channel in (a, b)]
    relay: Relay = core.media("relay", (a, b))
    sides: list[tuple[Channel, Terminal]] = []
    try:
        for channel in (a, b):
            sides.append((channel, relay.terminal(channel)))  # noqa: PERF401  what there is already is closed when the other fails
        yield relay.join()
        for channel in (a, b):
            if channel.hangup is not None:
                raise Ended(channel.hangup)
    except Exception:
        for _, terminal in sides:
            with contextlib.suppress(Exception):
                terminal.close()
        relay.close()
        for channel, said in before:  # the one may have agreed that the other has refused
            if channel.hangup is None and said and channel.leg.said != said:
                channel.leg.change_media(said)
        raise
    for channel, terminal in sides:
        channel.adopt(terminal)
    return relay
