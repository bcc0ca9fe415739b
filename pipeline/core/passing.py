"""A Relay whose two sides agree with each other: what one offers is offered to the other, changed on the way or not.

Rule: descriptions are bytes here too. What happens to them on the way (`forth`, `back`) is the provider's, at once or later; the order of
things is the same for all: a provider of that kind subclasses Passing and says no more.

How it goes, A and B being the two:
- A's call has an offer: B is called with it; B's answer (a preview of it before) is A's answer.
- A's call has none: B is called without one; the offer in B's answer goes into A's, and B's is answered when A has answered.
- A is up with other media: B is called without an offer; its offer is put to A (RFC 3725 4.3: nothing is agreed while B rings).
- Both are up: what either offers is put to the other leg (`Leg.change_media`); a refusal travels back as it came. Is one asked to
  offer, the other is (`change_media(None)`), and gets its answer by `complete`.
- Two who are up are brought together by asking the first for an offer: RFC 3725 4.1.
- One exchange at a time: an offer that comes while the other side's is open would wait for itself, so it is refused as glare
  (RFC 3261 14.1).
- An offer whose answer nobody waits for any more (it was cancelled, or took too long) is taken back: has the other side taken it, it is
  offered what held before.
- A caller who was told a preview that the final answer then contradicts is answered with the preview, and gets the other as an offer, as
  soon as his leg can.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from pipeline.core.causes import Cause, Hangup
from pipeline.core.media import Refused
from pipeline.pending import Pending, follow, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pipeline.core.channel import Channel

__all__ = ["Exchanged", "Passing", "Side"]

GLARE = 491
"""The code under which the technologies know that both sides began at once: the far side tries again."""

GONE = Hangup(Cause.NORMAL, "The other side has gone")


class Exchanged:
    """One offer and what became of it."""

    __slots__ = ("answer", "closed", "completes", "given", "offer", "offerer", "passed", "put", "reply", "waiting")

    def __init__(self, offerer: Side, offer: bytes, passed: bytes | Pending) -> None:
        self.offerer = offerer
        self.offer = offer
        """As it came."""
        self.passed = passed
        """As the other side gets it."""
        self.answer: bytes | Pending | None = None
        """What the offerer gets; a preview as long as it is not closed."""
        self.given: bytes | Pending | None = None
        """What the offerer was told of the answer first, if that was a preview."""
        self.closed = False
        """Answered for good, or refused."""
        self.reply = b""
        """The answer, as it came."""
        self.completes = False
        """Whether the offerer was asked to offer: it gets its answer by `Leg.complete`."""
        self.put = False
        """Whether it is put to the other side by `Leg.change_media`."""
        self.waiting: Pending | None = None
        """The offerer's answer, while it is not known."""


class Side:
    """The terminal of one of the two channels."""

    __slots__ = ("asked", "channel", "closed", "provider", "relay", "said", "told")

    def __init__(self, relay: Passing, channel: Channel) -> None:
        self.relay = relay
        self.channel = channel
        self.provider = relay.provider
        self.closed = False
        self.said = b""
        """What the peer has described, in the last exchange that was completed; as it came."""
        self.told = b""
        """What it was told of the other side's peer then."""
        self.asked: Pending | None = None
        """Whoever wants an offer for this side, before the other side's has come."""

    @property
    def other(self) -> Side:
        """The opposite side."""
        return self.relay.sides[1] if self is self.relay.sides[0] else self.relay.sides[0]

    def offer(self) -> bytes | Pending | None:
        """Return the other side's offer, as this side's peer is to get it."""
        return self.relay.offer_for(self)

    def answer(self, offer: bytes) -> bytes | Pending:
        """Return the other side's answer to it."""
        return self.relay.offered_by(self, offer)

    def accept(self, answer: bytes) -> Pending | None:
        """Take the peer's answer to the other side's offer."""
        return self.relay.answered_by(self, answer)

    def reject(self, hangup: Hangup) -> None:
        """Tell the other side that its offer was refused."""
        self.relay.refused_by(self, hangup)

    def withdraw(self) -> None:
        """Take this side's peer's offer back from the other side."""
        self.relay.withdrawn_by(self)

    def early(self, answer: bytes) -> bool:
        """Take a preview of the answer to the other side's offer."""
        return self.relay.preview_by(self, answer)

    def close(self) -> None:
        """Leave the other side alone."""
        if not self.closed:
            self.closed = True
            self.relay.left(self)

    def show(self) -> dict[str, Any]:
        """Return what is shown of this side."""
        return {"provider": self.provider, "with": self.other.channel.name, **self.relay.shown(self)}


class Passing:
    """A relay between two channels."""

    provider = ""

    def __init__(self, provider: str, channels: tuple[Channel, Channel]) -> None:
        self.provider = provider
        self.settled = False
        """Whether the two have ever agreed."""
        self.now: Exchanged | None = None
        """The exchange that is open, or was last."""
        self.sides = (Side(self, channels[0]), Side(self, channels[1]))

    # -- what a provider does on the way -------------------------------------------------------------------------------

    def forth(self, side: Side, offer: bytes) -> bytes | Pending:
        """Return `side`'s offer as the other gets it."""
        return offer

    def back(self, side: Side, answer: bytes, final: bool) -> bytes | Pending:
        """Return `side`'s answer (a preview when not `final`) to the other's offer, as the other gets it."""
        return answer

    def same(self, one: bytes, other: bytes) -> bool:
        """Tell whether two descriptions say the same."""
        return one == other

    def withdrawn(self, exchanged: Exchanged) -> None:
        """Learn that this offer was not agreed on: what was before stands."""

    def over(self) -> None:
        """Learn that both sides are gone."""

    def shown(self, side: Side) -> dict[str, Any]:
        """Return what `sipline show channels` says besides."""
        return {}

    # -- the Relay -----------------------------------------------------------------------------------------------------

    def terminal(self, channel: Channel) -> Side:
        """Return the side that faces `channel`."""
        return next(side for side in self.sides if side.channel is channel)

    def join(self) -> Pending:
        """Bring the two together, who are both up: the first is asked for an offer, which is put to the second (RFC 3725 4.1)."""
        joined = walk(self._join())
        return joined if isinstance(joined, Pending) else Pending.of(joined)

    def close(self) -> None:
        """Let go of both sides."""
        for side in self.sides:
            side.close()

    def _join(self) -> Generator[Any, Any, None]:
        first, second = self.sides
        offer = yield first.channel.leg.change_media(None)
        now = self._begin(first, offer)
        now.put = True
        try:
            passed = yield now.passed
            answer = now.reply = yield second.channel.leg.change_media(passed)
            back = yield self.back(second, answer, True)
            if now.closed:
                raise Refused(GONE)
        except BaseException:
            self._failed(now)
            first.channel.leg.complete(None)
            raise
        self._done(now, back)
        first.channel.leg.complete(back)

    # -- asked and told by the legs ------------------------------------------------------------------------------------

    def offer_for(self, side: Side) -> bytes | Pending | None:
        """Find an offer for the peer of `side`."""
        other, now = side.other, self.now
        if now is not None and not now.closed and now.offerer is other and not now.put:
            return now.passed  # B has offered in its answer to a call without an offer: now A gets it
        if now is not None and not now.closed:
            raise _glare(side)
        if self.settled:
            asked = walk(self._ask(other))
            return asked  # type: ignore[no-any-return]
        offered = other.channel.leg.offered
        if offered is not None:
            return self._begin(other, offered).passed
        if side.channel.direction == "out":
            return None
        side.asked = Pending()
        return side.asked

    def offered_by(self, side: Side, offer: bytes) -> bytes | Pending:
        """Take an offer of the peer of `side`; return its answer."""
        now = self.now
        if now is not None and now.offerer is side and now.offer == offer and not now.completes:
            # The driver asks again (for its 2xx what it has had for a 183), or the phone has sent a refresh with nothing new in it.
            if now.answer is not None:
                answer = now.answer
                if not now.closed:
                    now.given = now.given or answer
                elif now.given is not None:
                    now.answer, now.given = now.offerer.told, None
                return answer
            if not now.closed:
                return self._wait(now)
        if now is not None and not now.closed:
            raise _glare(side)
        now = self._begin(side, offer)
        leg = side.other.channel.leg
        if self.settled or (side.other.channel.agreed and leg.offered is None):
            answer = walk(self._change(side, now, leg.change_media))
            return answer  # type: ignore[no-any-return]
        waiting, side.other.asked = side.other.asked, None
        answer = self._wait(now)
        if waiting is not None:
            follow(now.passed, waiting)
        return answer

    def answered_by(self, side: Side, answer: bytes) -> Pending | None:
        """Take the answer of the peer of `side` to what `offer_for` gave."""
        now = self.now
        if now is None or now.closed or now.offerer is side:
            return None  # of an exchange that is no more: the other side has gone, or has been refused
        now.reply = answer
        taken = walk(self._take(side, now, answer))
        return taken if isinstance(taken, Pending) else None

    def preview_by(self, side: Side, answer: bytes) -> bool:
        """Take a preview of it."""
        now = self.now
        if now is None or now.closed or now.offerer is side:
            return False
        now.answer = self.back(side, answer, False)
        if now.waiting is not None:
            waiting, now.waiting = now.waiting, None
            now.given = now.answer
            follow(now.answer, waiting)
        return True

    def refused_by(self, side: Side, hangup: Hangup) -> None:
        """Take the refusal of what `offer_for` gave."""
        now = self.now
        if now is not None and not now.closed and now.offerer is not side:
            self._failed(now, Refused(hangup))
            if now.completes:
                now.offerer.channel.leg.complete(None)

    def withdrawn_by(self, side: Side) -> None:
        """Take back what `offered_by` was given, whose answer nobody waits for any more."""
        now = self.now
        if now is not None and not now.closed and now.offerer is side and self.settled:
            self._failed(now, Refused(GONE))

    def left(self, side: Side) -> None:
        """Take leave of one side: nothing will come from it any more, so nobody is left waiting for it."""
        now = self.now
        if now is not None and not now.closed:
            self._failed(now, Refused(GONE))
            if now.completes and now.offerer is not side:
                now.offerer.channel.leg.complete(None)
        other = side.other
        if other.asked is not None:
            asked, other.asked = other.asked, None
            asked.fail(Refused(GONE))
        if other.closed:
            self.over()

    # -- within --------------------------------------------------------------------------------------------------------

    def _begin(self, side: Side, offer: bytes) -> Exchanged:
        now = self.now = Exchanged(side, offer, self.forth(side, offer))
        return now

    def _ask(self, side: Side) -> Generator[Any, Any, bytes]:
        """Ask the peer of `side` for an offer."""
        offer = yield side.channel.leg.change_media(None)
        now = self._begin(side, offer)
        now.completes = True
        try:
            passed: bytes = yield now.passed
        except Exception:
            self._failed(now)
            side.channel.leg.complete(None)
            raise
        return passed

    def _change(self, side: Side, now: Exchanged, put: Callable[[bytes], Pending]) -> Generator[Any, Any, bytes]:
        """Put an offer to the other leg, which is up."""
        now.put = True
        try:
            passed = yield now.passed
            if now.closed:
                raise Refused(GONE)
            answer = now.reply = yield put(passed)
            if now.closed:  # withdrawn meanwhile, and the other side has taken it
                self._take_back(now)
                raise Refused(GONE)
            back: bytes = yield self.back(side.other, answer, True)
        except Exception:
            self._failed(now)
            raise
        self._done(now, back)
        return back

    def _take(self, side: Side, now: Exchanged, answer: bytes) -> Generator[Any, Any, None]:
        """Hand an answer back to who has offered; if it cannot be, he learns why, before he hears that the other side has gone."""
        try:
            back = yield self.back(side, answer, True)
        except Exception as error:
            if not now.closed:
                self._failed(now, error)
                if now.completes:
                    now.offerer.channel.leg.complete(None)
            raise
        self._done(now, back)

    def _take_back(self, withdrawn: Exchanged) -> None:
        """Describe to the other side what held before, for it believes what was withdrawn; a later exchange does so anyway."""
        side = withdrawn.offerer
        if self.now is not withdrawn or side.closed or side.other.closed or not side.said:
            return
        now = self._begin(side, side.said)
        now.answer = now.given = side.told
        done = walk(self._change(side, now, side.other.channel.leg.change_media))
        if isinstance(done, Pending):
            done.then(_noted)

    def _wait(self, now: Exchanged) -> Pending:
        now.waiting = now.waiting or Pending()
        return now.waiting

    def _done(self, now: Exchanged, back: bytes) -> None:
        if now.closed:
            return
        now.answer, now.closed = back, True
        self.settled = True
        side, passed = now.offerer, now.passed.value() if isinstance(now.passed, Pending) else now.passed
        side.said, side.told = now.offer, back
        side.other.said, side.other.told = now.reply, passed
        leg = now.offerer.channel.leg
        given, now.given = _known(now.given), None
        if isinstance(given, bytes) and not now.completes and not self.same(given, back):
            if leg.offered is not None:
                now.given = now.answer = given  # the first description that a caller gets holds (RFC 3261 13.2.1)
            leg.change_media(back)
        if now.waiting is not None:
            waiting, now.waiting = now.waiting, None
            waiting.resolve(back)
        if now.completes:
            leg.complete(back)

    def _failed(self, now: Exchanged, error: BaseException | None = None) -> None:
        if now.closed:
            return
        now.closed = True
        now.answer = None
        self.withdrawn(now)
        if now.waiting is not None:
            waiting, now.waiting = now.waiting, None
            waiting.fail(error or Refused(Hangup()))


def _glare(side: Side) -> Refused:
    return Refused(Hangup(Cause.TEMPORARY_FAILURE, "Request Pending", side.channel.technology, GLARE))


def _known(given: bytes | Pending | None) -> bytes | Pending | None:
    """Give the value of what has come; None of a preview that the provider could not pass on: nobody was told of it."""
    if not isinstance(given, Pending) or not given.done:
        return given
    try:
        value: bytes = given.value()
    except Exception:
        return None
    return value


def _noted(done: Pending) -> None:
    """Nobody waits for it: who refuses to go back keeps what it believes."""
    with contextlib.suppress(Exception):
        done.value()
