"""A channel: one side of a call, whatever technology carries it. Its state, who is at its far side, what media it has.

Rule: everything here is a plain function that does not wait and leaves the channel whole; what comes later is a Pending. Applications ask
(`answer`, `put`, `end`), the driver's Leg carries it out, and what the far side does the driver tells (`told_...`). A state only moves
forward: NEW, DIALING, RINGING, EARLY, UP, ENDED; what is told to an ended channel is not heard. The end of a channel lets go of
everything that it has: its script, its media, its place in a bridge and in its call.
"""

from __future__ import annotations

import contextlib
from collections import deque
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Literal, cast

from pipeline.core.causes import Cause, Hangup
from pipeline.core.media import Refused, Unavailable
from pipeline.core.text import Fate, Receipt
from pipeline.core.wanted import Ended
from pipeline.pending import Pending, walk

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator

    from pipeline.core.bridge import Bridge
    from pipeline.core.call import Call
    from pipeline.core.core import Core
    from pipeline.core.leg import Leg
    from pipeline.core.media import Sound, Terminal
    from pipeline.core.monitor import Monitor
    from pipeline.core.party import Party
    from pipeline.core.text import Text

    Heard = Callable[[str, "Channel", Any], object]

NO_TEXTS = Receipt(Fate.ABSENT, "nobody is connected who could read it")
HANDED_ON = Receipt(Fate.ACCEPTED, "handed to everybody in the conference")
DIGITS = 64
"""Digits that may wait for an application: more than any number that is dialled (E.164 has 15)."""


class State(IntEnum):
    """How far a channel has come."""

    NEW = 0
    DIALING = 1
    """The call has been placed; nothing was heard of the far side yet."""
    RINGING = 2
    EARLY = 3
    """Not answered, but there is something to be heard."""
    UP = 4
    ENDED = 5

    def __str__(self) -> str:
        return self.name.lower()


class Channel:
    """One side of a call. Made by `Core.channel`, never directly."""

    __slots__ = (
        "_answering",
        "_coming",
        "_digit",
        "_digits",
        "_heard",
        "_over",
        "_putting",
        "_task",
        "_up",
        "agreed",
        "answered",
        "application",
        "bridge",
        "call",
        "caller",
        "connected",
        "context",
        "core",
        "created",
        "dialed",
        "direction",
        "ended_at",
        "endpoint",
        "hangup",
        "headers",
        "held",
        "id",
        "leg",
        "media",
        "monitor",
        "name",
        "party",
        "priority",
        "proved",
        "source",
        "state",
        "technology",
        "variables",
    )

    def __init__(
        self,
        core: Core,
        ident: str,
        name: str,
        technology: str,
        direction: Literal["in", "out"],
        leg: Leg,
        endpoint: str,
        context: str,
        dialed: str,
        caller: Party,
        party: Party,
        call: Call,
    ) -> None:
        self.core = core
        self.id = ident
        """Short, unique among the channels that live."""
        self.name = name
        """For a person: who and the how-manieth, "alice-00000001"."""
        self.technology = technology
        self.direction = direction
        """"in": the far side called us; "out": we call it."""
        self.leg = leg
        self.state = State.NEW
        self.endpoint = endpoint
        """The endpoint's id; empty: none is known."""
        self.context = context
        """Where what this channel dials is looked up."""
        self.dialed = dialed
        """What was dialled to make this call."""
        self.caller = caller
        """in: the far side as we believe it; out: whom the far side is shown as its caller."""
        self.party = party
        """Who is at the far side, as we believe it; of an outgoing channel, until it has said so, what was dialled."""
        self.proved = ""
        """in: as whom the far side has proved itself (a digest user), as its endpoint; empty: it has proved nothing."""
        self.source = ""
        """in: the network address that its set-up came from, of IPv6 the /64; empty: none is known. By this strangers are counted."""
        self.connected: Party = caller if direction == "out" else core.nobody
        """Whom the far side is shown as the one it is connected to."""
        self.variables: dict[str, str] = {}
        self.headers: list[tuple[str, str]] = []
        """Extras for the outgoing set-up, (name, value); only the leg's technology knows what they mean."""
        self.media: Terminal | None = None
        self.monitor: Monitor | None = None
        """What records it."""
        self.bridge: Bridge | None = None
        self.application = ""
        """What is being done with it, for `sipline show channels`."""
        self.call = call
        self.priority = 1.0
        """Of an outgoing attempt, 0 to 1: the higher is tried first."""
        self.hangup: Hangup | None = None
        """How it ended."""
        self.created = core.clock.time()
        """UTC seconds, as the two that follow."""
        self.answered = 0.0
        """0: not answered."""
        self.ended_at = 0.0
        self.held = False
        """Whether the far side has put us on hold."""
        self.agreed = False
        """Whether media have been agreed with the far side, or an offer for them is under way: other media need a new offer."""
        self._answering = False
        self._heard: tuple[Heard, ...] = ()
        self._up: Pending | None = None
        self._over: Pending | None = None
        self._putting: Pending | None = None
        self._coming: list[Terminal] | None = None
        self._digits: deque[str] | None = None
        self._digit: Pending | None = None
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<{self.name} {self.state}>"

    # -- asked by applications ---------------------------------------------------------------------------------------

    def call_out(self) -> None:
        """Place the call of a new outgoing channel; `media` is set."""
        if self.state is State.NEW and self.direction == "out":
            self.agreed = True  # or will be: what is to be heard instead needs an offer of its own
            self._to(State.DIALING)
            if self.hangup is None:  # whoever heard of it may have ended it
                self.leg.call()

    def ring(self) -> None:
        """Let the caller know that the callee is alerted."""
        if self.direction == "out" or self._answering or self.state >= State.UP or self.state is State.RINGING:
            return
        if self.state is State.NEW:
            self._to(State.RINGING)
        if self.hangup is None:
            self.leg.ring()

    def progress(self) -> None:
        """Let the caller hear what `media` sends before the call is answered; without media, a Sound. Raises media.Unavailable."""
        if self.direction == "out" or self._answering or self.state >= State.EARLY:
            return
        if self.media is None:
            self.sound()
        self.agreed = True
        self._to(State.EARLY)
        if self.hangup is None:
            self.leg.progress()

    def answer(self) -> Pending:
        """Answer an incoming call with `media`; without any, a Sound. The Pending is `up()`; it may also fail with media.Unavailable."""
        if self.direction == "in" and not self._answering and self.state < State.UP:
            if self.media is None and not self.agreed:
                try:
                    self.sound()
                except Unavailable as error:
                    return Pending.failed(error)
            self._answering = self.agreed = True
            up = self.up()  # before: an answer that cannot be given ends the channel within
            self.leg.answer()
            return up
        return self.up()

    def end(self, hangup: Hangup = Hangup()) -> None:  # noqa: B008  a frozen value
        """End the channel, whatever its state; an ended one stays as it ended."""
        if self.state is State.ENDED:
            return
        try:
            self.leg.hangup(hangup)
        except Exception as error:
            self.core.failed(self.technology, error, self)
        self.told_ended(hangup)  # the leg has told so itself; if it failed, nothing may stay behind

    def send_digit(self, digit: str, milliseconds: int = 100) -> bool:
        """Send a digit (0-9 * # A-D) to the far side, by signalling or with the media; False: neither can."""
        if self.state is State.ENDED:
            return False
        if self.leg.send_digit(digit, milliseconds):
            return True
        send = getattr(self.media, "send_digit", None)
        if send is None:
            return False
        send(digit, milliseconds)
        return True

    def send_text(self, text: Text) -> Pending:
        """Send a text to the far side; the Pending has the Receipt."""
        send = getattr(self.leg, "send_text", None)
        if self.state is State.ENDED or send is None:
            return Pending.of(NO_TEXTS)
        return cast("Pending", send(text))

    def set(self, name: str, value: str) -> None:
        """Set a variable of this channel."""
        self.variables[name] = value
        self.core.tell("channel.variable", channel=self, variable=name, value=value)
        if self._heard:
            self._say("variable", (name, value))

    def update_connected(self, party: Party) -> None:
        """Let the far side know who it is connected to now. Before the answer it travels with what is told to the caller anyway."""
        if self.state is State.ENDED or party == self.connected:
            return
        self.connected = party
        if self.state is State.UP:
            self.leg.update_connected(party)
        self.core.tell("channel.connected", channel=self, party=party, side="shown")
        if self._heard:
            self._say("connected", party)

    def put(self, terminal: Terminal) -> Pending:
        """Give the channel other media. As long as nothing was agreed they are just set; otherwise the far side gets a new offer.

        Done when the far side has agreed; the old terminal is closed then. Fails with media.Refused, Unacceptable, Unavailable or Ended;
        the channel then keeps what it has and `terminal` is closed. Several are done one after the other.
        """
        if self.state is State.ENDED:
            self._close(terminal)
            return Pending.failed(Ended(self.hangup or Hangup()))
        if not self.agreed:
            self.adopt(terminal)
            return Pending.of(self)
        if self._coming is None:
            self._coming = []
        self._coming.append(terminal)
        try:
            done = walk(self._put(terminal, self._putting))
        except Exception as error:
            return Pending.failed(error)
        if not isinstance(done, Pending):
            return Pending.of(self)
        self._putting = done
        return done

    def adopt(self, terminal: Terminal | None) -> None:
        """Take media that were agreed already (by `Relay.join`), or lose those one has; the old terminal is closed."""
        old = self.media
        if old is terminal:
            return
        if self.state is State.ENDED and terminal is not None:  # it ended while they were agreed
            self._close(terminal)
            return
        self.media = terminal
        if old is not None:
            self._close(old)
        if self._heard:
            self._say("media", terminal)

    def sound(self) -> Sound:
        """Return the channel's Sound terminal; it gets one when it has other media or none. Raises media.Unavailable."""
        if self.media is not None and hasattr(self.media, "echo"):  # a side of a relay can play too, and is none
            return cast("Sound", self.media)
        for terminal in reversed(self._coming or ()):
            if hasattr(terminal, "echo"):
                return cast("Sound", terminal)
        if self.state is State.ENDED:
            raise Ended(self.hangup or Hangup())
        sound = cast("Sound", self.core.media("sound", (self,)))
        self.put(sound)
        return sound

    def redirect(self, targets: tuple[str, ...]) -> bool:
        """Ask the caller to call `targets` instead; False: it is answered already, or this technology cannot."""
        if self.direction == "out" or self._answering or self.state >= State.UP or not self.leg.redirect(tuple(targets)):
            return False
        self._say("redirected", tuple(targets))
        return True

    # -- awaited by applications -------------------------------------------------------------------------------------

    def up(self) -> Pending:
        """Return what is done when the channel is up; its value is the channel. Fails with Ended when it ends before."""
        if self._up is None:
            if self.state is State.UP:
                return Pending.of(self)
            if self.state is State.ENDED:
                return Pending.failed(Ended(self.hangup or Hangup()))
            self._up = Pending()
        return self._up

    def over(self) -> Pending:
        """Return what is done when the channel has ended; its value is the Hangup."""
        if self._over is None:
            if self.state is State.ENDED:
                return Pending.of(self.hangup)
            self._over = Pending()
        return self._over

    async def digit(self, seconds: float) -> str:
        """Return the next digit that the far side has sent or sends within so many seconds; "" when none comes. One waits at a time."""
        if self._digits:
            return self._digits.popleft()
        if self.state is State.ENDED:
            return ""
        waiting = self._digit = Pending()
        timer = self.core.clock.call_later(seconds, self._no_digit, waiting)
        try:
            return cast("str", await waiting)
        finally:
            timer.cancel()
            if self._digit is waiting:
                self._digit = None

    def on(self, heard: Heard) -> Callable[[], None]:
        """Call heard(what, channel, value) at each change; returns the way to stop.

        What and value: state (State), ringing, early, up (None), hold (bool), digit (str), connected (Party), media (Terminal | None),
        text (Text), variable ((name, value)), redirected (targets), ended (Hangup: the last).
        """
        self._heard = (*self._heard, heard)

        def stop() -> None:
            self._heard = tuple(each for each in self._heard if each is not heard)

        return stop

    # -- told by the driver ------------------------------------------------------------------------------------------

    def told_ringing(self) -> None:
        """Hear that the far side is being alerted."""
        if self.state >= State.UP:
            return
        if self.state < State.RINGING:
            self._to(State.RINGING)
        if self._heard:
            self._say("ringing", None)

    def told_early(self) -> None:
        """Hear that the far side sends something to be heard before it answers; its description went to `media.early`."""
        if self.state >= State.UP:
            return
        self.agreed = True
        if self.state < State.EARLY:
            self._to(State.EARLY)
        if self._heard:
            self._say("early", None)

    def told_up(self) -> None:
        """Hear that the call is answered and the media are agreed."""
        if self.state >= State.UP:
            return
        self.agreed = True
        self.answered = self.core.clock.time()
        self._to(State.UP)
        if self._up is not None and self.state is State.UP:
            up, self._up = self._up, None
            self._resolve(up, self)
        if self._heard and self.state is State.UP:
            self._say("up", None)

    def told_ended(self, hangup: Hangup) -> None:
        """Hear that the leg is no more. Lets go of everything; a second time is not heard."""
        old = self.state
        if old is State.ENDED:
            return
        core = self.core
        self.state = State.ENDED
        self.hangup = hangup
        self.ended_at = core.clock.time()
        core.channels.pop(self.id, None)
        task = self._task
        if task is not None:
            self._task = None
            task.cancel()
        core.tell("channel.state", channel=self, old=old, new=State.ENDED)
        core.tell("channel.hangup", channel=self, cause=hangup.cause, text=hangup.text, technology=hangup.technology, code=hangup.code)
        media, self.media = self.media, None
        if media is not None:
            self._close(media)
        if self._coming:
            coming, self._coming = self._coming, None
            for terminal in coming:
                self._close(terminal)
        if self.monitor is not None:
            self.monitor.end()
        if self.bridge is not None:
            self.bridge.gone(self, hangup)
        if self._heard:
            self._say("state", State.ENDED)
            self._say("ended", hangup)
            self._heard = ()
        if self._up is not None:
            self._fail(self._up, Ended(hangup))
        if self._over is not None:
            self._resolve(self._over, hangup)
        if self._digit is not None:
            self._no_digit(self._digit)
        self.call.left(self)

    def told_digit(self, digit: str, milliseconds: int = 100) -> None:
        """Hear a digit from the far side; two that are bridged as a pair pass it on, unless an application waits for it."""
        if self.state is State.ENDED:
            return
        self.core.tell("channel.digit", channel=self, digit=digit, milliseconds=milliseconds)
        waiting = self._digit
        if waiting is not None and not waiting.done:
            waiting.resolve(digit)
        elif self.bridge is not None and (other := self.bridge.other(self)) is not None:
            other.send_digit(digit, milliseconds)
        else:
            if self._digits is None:
                self._digits = deque(maxlen=DIGITS)
            self._digits.append(digit)
        if self._heard:
            self._say("digit", digit)

    def told_text(self, text: Text) -> Pending:
        """Hear a text from the far side. It goes to whoever is connected with it; the Pending has the Receipt.

        In a conference it goes to everybody, and is ACCEPTED at once.
        """
        if self.state is State.ENDED:
            return Pending.of(NO_TEXTS)
        self.core.tell("channel.text", channel=self, text=text)
        if self._heard:
            self._say("text", text)
        others = [] if self.bridge is None else [channel for channel in self.bridge.channels if channel is not self]
        if not others:
            return Pending.of(NO_TEXTS)
        sent = [other.send_text(text) for other in others]
        return sent[0] if len(sent) == 1 else Pending.of(HANDED_ON)

    def told_hold(self, on: bool) -> None:
        """Hear that the far side has put us on hold, or is back."""
        if self.state is State.ENDED or on is self.held:
            return
        self.held = on
        self.core.tell("channel.hold", channel=self, on=on)
        if self._heard:
            self._say("hold", on)

    def told_connected(self, party: Party) -> None:
        """Hear who is at the far side; whoever is in a pair with it is told."""
        if self.state is State.ENDED or party == self.party:
            return
        self.party = party
        if self.direction == "in":
            self.caller = party
        self.core.tell("channel.connected", channel=self, party=party, side="far")
        if self._heard:
            self._say("connected", party)
        if self.bridge is not None and (other := self.bridge.other(self)) is not None:
            other.update_connected(party)

    def told_media_failed(self) -> None:
        """Hear that the far side's media have been missing for longer than they may: the call is dead, and ends."""
        self.end(Hangup(Cause.NETWORK_OUT_OF_ORDER, "No media from the far side"))

    # -- within --------------------------------------------------------------------------------------------------------

    def _to(self, state: State) -> None:
        old, self.state = self.state, state
        self.core.tell("channel.state", channel=self, old=old, new=state)
        if self._heard:
            self._say("state", state)

    def _say(self, what: str, value: Any) -> None:
        for heard in self._heard:
            try:
                heard(what, self, value)
            except Exception as error:
                self.core.failed(getattr(heard, "__qualname__", "listener"), error, self)

    def _resolve(self, pending: Pending, value: Any) -> None:
        try:
            pending.resolve(value)
        except Exception as error:  # of one who waited
            self.core.failed("channel", error, self)

    def _fail(self, pending: Pending, why: Ended) -> None:
        try:
            pending.fail(why)
        except Exception as error:  # of one who waited
            self.core.failed("channel", error, self)

    def _close(self, terminal: Terminal) -> None:
        try:
            terminal.close()
        except Exception as error:
            self.core.failed(terminal.provider, error, self)

    def _no_digit(self, waiting: Pending) -> None:
        if not waiting.done:
            self._resolve(waiting, "")

    def _put(self, terminal: Terminal, before: Pending | None) -> Generator[Any, Any, Channel]:
        if before is not None:
            with contextlib.suppress(Exception):  # whoever asked for that hears of it
                yield before
        try:
            self._alive()
            offer = yield terminal.offer()
            self._alive()
            if offer is None:
                offer = yield self.leg.change_media(None)
                try:
                    answer = yield terminal.answer(offer)
                except Exception:
                    self.leg.complete(None)
                    raise
                self.leg.complete(answer)
            else:
                try:
                    answer = yield self.leg.change_media(offer)
                except Refused as refused:
                    terminal.reject(refused.hangup)
                    raise
                yield terminal.accept(answer)
            self._alive()
        except Exception:
            if self._coming and terminal in self._coming:  # else the end of the channel has closed it
                self._coming.remove(terminal)
                self._close(terminal)
            raise
        if self._coming:
            self._coming.remove(terminal)
        self.adopt(terminal)
        return self

    def _alive(self) -> None:
        if self.state is State.ENDED:
            raise Ended(self.hangup or Hangup())
