"""What belongs to one call: its messages on all legs, what became of its channels, and why it ended. For the view "ladder".

A message belongs to a call by its Call-ID: a leg of the core's Call knows its own (`leg.call_id`), and what was sent because of a message
of a call (`passage.cause`) belongs to that call too. An INVITE that never becomes a channel is a call of its own, named by its Call-ID.

Rule: on the hot path the bus's listener appends to the tap's ring, nothing else; this works when the ring is told. A filter chooses calls,
not messages: a call with a message that matches is shown whole, so the last messages of calls that were not chosen yet are kept a while.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, cast

from pipeline.core.channel import State
from pipeline.passage import Drop
from pipeline.trace.ending import Ending, Happened, timer_of
from pipeline.trace.leg import Call, Leg, call_id_of
from pipeline.trace.mask import shareable
from pipeline.trace.record import AGAIN, CAME, TOLD, WENT, Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.core import Channel
    from pipeline.engine import Pipeline
    from pipeline.events import Event
    from pipeline.sip.message import Message
    from pipeline.trace.record import Scribe, Seen
    from pipeline.trace.tap import Viewer

LEGS = 4000
"""Legs that are known, the oldest out first: what comes behind a call's end, up to 64*T1, at a hundred calls a second."""
HELD = 4096
"""Messages kept for filters in all: as many as the ring has."""
EVENTS = (
    "channel.created", "channel.state", "channel.hold", "channel.digit", "channel.hangup", "bridge.entered", "bridge.left", "call.ended",
    "media.timeout", "transaction.timeout",
)  # fmt: skip
"""What is heard of the bus."""


class Calls:
    """The calls that are watched."""

    def __init__(self, engine: Pipeline, scribe: Scribe, note: Callable[[Event], None]) -> None:
        self.viewers: list[Viewer] = []
        self._engine = engine
        self._scribe = scribe
        self._note = note
        self._calls: dict[str, Call] = {}
        self._legs: dict[str, Leg] = {}
        self._fresh: dict[str, Channel] = {call_id_of(channel): channel for channel in engine.core.channels.values()}
        """Channels of which no message or event was told yet."""
        self._before: dict[str, list[tuple[Channel, State]]] = {}
        """Call's id -> the channels that were there before anybody watched, as they were then; until they are told."""
        for channel in engine.core.channels.values():
            self._before.setdefault(channel.call.id, []).append((channel, channel.state))
        self._holding: deque[Call] = deque()
        self._ending: set[Call] = set()
        self._stops = [engine.bus.listen(name, self._heard) for name in EVENTS]

    def close(self) -> None:
        """Hear no more."""
        for stop in self._stops:
            stop()
        for call in tuple(self._ending):
            self._end(call)

    def _heard(self, event: Event) -> None:
        """Hear the bus. Hot: notes the event; who looks for the Call-ID of its channel finds it from now on."""
        if event.name == "channel.created":
            channel = event.fields["channel"]
            self._fresh[call_id_of(channel)] = channel
            if len(self._fresh) > LEGS:
                del self._fresh[next(iter(self._fresh))]
        elif event.name == "transaction.timeout" and event.fields.get("passage") is None:
            return
        self._note(event)

    # -- messages ----------------------------------------------------------------------------------------------------

    def met(self, seen: Seen, message: Message | None) -> None:
        """Take a message that came or went."""
        leg = self._leg(seen, message) if message is not None else None
        if leg is None or message is None:
            for viewer in self.viewers:
                if viewer.filter.matches(seen, message):
                    viewer.sink.show(self._scribe.describe(seen, message, "ladder", data=viewer.data))
            return
        call = leg.call
        marks = leg.marks(seen, message)
        passage = seen[3]
        if call.core is None and call.ending is None and not marks.get("again") and not message.is_request:
            call.ending = leg.refusal(seen, message, self._scribe)
            if call.ending is not None:
                self._ends(call)
        dropped = seen[0] is CAME and passage is not None and passage.decided is not None and type(passage.decided[2]) is Drop
        leg.settle(seen, message, again=bool(marks.get("again")), dropped=dropped)
        self._introduce(call)
        self._show(call, seen, message, marks)

    def _leg(self, seen: Seen, message: Message) -> Leg | None:
        """Return the leg that a message belongs to; a new one for the INVITE of a stranger, None for what is no call."""
        call_id = message.get("call-id") or ""
        channel = self._fresh.pop(call_id, None)
        if channel is not None:
            return self._of(channel, call_id)
        leg = self._legs.get(call_id)
        if leg is not None or not call_id:
            return leg
        kind, at, _, passage, _, _ = seen
        cause = passage.cause if passage is not None else None
        while kind is WENT and message.is_request and cause is not None and cause.message is not None:
            caused = self._legs.get(cause.message.get("call-id") or "")
            if caused is not None:
                return self._add(Leg(caused.call, call_id, seen, message))
            cause = cause.cause
        if (message.get("cseq") or "").rpartition(" ")[2] != "INVITE" or kind is AGAIN:
            return None
        call = self._calls.setdefault(call_id, Call(call_id, at))
        return self._add(Leg(call, call_id, seen, message))

    def _add(self, leg: Leg) -> Leg:
        self._legs[leg.call_id] = leg
        leg.call.legs.append(leg)
        if len(self._legs) > LEGS:
            oldest = self._legs.pop(next(iter(self._legs)))
            oldest.call.legs.remove(oldest)
            if not oldest.call.legs:
                self._calls.pop(oldest.call.key, None)
        return leg

    def _of(self, channel: Channel, call_id: str = "") -> Leg:
        """Return the leg of a channel."""
        call_id = call_id or call_id_of(channel)
        self._fresh.pop(call_id, None)
        leg = self._legs.get(call_id)
        key = channel.call.id
        if leg is None:
            call = self._calls.get(key)
            if call is None:
                call = self._calls[key] = Call(key, self._engine.clock.now())
            call.core = channel.call
            leg = self._add(Leg(call, call_id))
        elif leg.channel is None and leg.call.core is None:  # a stranger, who now is one of a call: he has proved who he is
            self._calls.pop(leg.call.key, None)
            leg.call.was, leg.call.key, leg.call.core, leg.call.ending = leg.call.key, key, channel.call, None
            self._ending.discard(leg.call)
            self._calls[key] = leg.call
        if leg.channel is not channel:
            leg.become(channel)
        return leg

    # -- events ------------------------------------------------------------------------------------------------------

    def told(self, seen: Seen) -> None:
        """Take an event of the bus."""
        event = cast("Any", seen[5])
        fields = event.fields
        if event.name == "transaction.timeout":
            message: Message = fields["passage"].message
            leg = self._legs.get(message.get("call-id") or "")
            if leg is not None:
                method = leg.timeout(message)
                self._show(leg.call, seen, None, leg.names(event.name, at=event.time) | {"method": method})
            return
        if event.name == "call.ended":
            call = self._calls.get(fields["call"].id)
            if call is not None and call.ending is None:
                call.ending = Ending(call, fields["call"], event.time)
                self._ends(call)
            return
        channel: Channel = fields["channel"]
        leg = self._of(channel)
        record = leg.names(event.name, at=event.time)
        if not self._say(event, leg, record, seen[1]):
            return
        self._introduce(leg.call)
        self._show(leg.call, seen, None, record)

    def _say(self, event: Event, leg: Leg, record: Record, at: float) -> bool:
        """Write down what an event says; False: nothing that others have not said."""
        fields, name, channel = event.fields, event.name, event.fields["channel"]
        if name == "channel.created":
            record["state"] = "NEW"
        elif name == "channel.state":
            if fields["new"] is State.ENDED:  # the hangup, which follows, says why
                return False
            record["state"], record["old"] = fields["new"].name, fields["old"].name
        elif name == "channel.hold":
            record["on"] = fields["on"]
        elif name == "media.timeout":
            record["seconds"] = fields["seconds"]
        elif name == "channel.hangup":
            cause, text, code = fields["cause"], fields["text"], fields["code"]
            record |= {"state": "ENDED", "cause": cause.name, "text": text, "code": code}
            happened = Happened(leg, channel, cause, text, code, bool(fields["technology"]))
            if timer := timer_of(happened):
                record["timer"] = timer
                leg.timed_out = True
            leg.call.heard_end(happened)
        elif name.startswith("bridge."):
            bridge = fields["bridge"]
            record |= {"bridge": bridge.id, "name": bridge.name, "of": bridge.kind}
        return True

    def _introduce(self, call: Call) -> None:
        """Tell who takes part, when the call was there before anybody watched."""
        if not self._before or call.core is None:
            return
        now = self._engine.clock.now()
        for channel, state in self._before.pop(call.core.id, ()):
            record = self._of(channel).names("channel.created", at=self._scribe.time(now)) | {"state": state.name, "before": True}
            self._show(call, (TOLD, now, now, None, b"", cast("Any", None)), None, record)

    # -- the end -----------------------------------------------------------------------------------------------------

    def _ends(self, call: Call) -> None:
        self._ending.add(call)
        call.until = self._engine.clock.now() + 65 * self._engine.transactions.timers.t1

    def settle(self, *, final: bool = False) -> None:
        """Tell the ends of those calls whose last answers have come, or can come no more."""
        now = self._engine.clock.now() if self._ending else 0.0
        for call in tuple(self._ending):
            if final or now >= call.until or not any(leg.open for leg in call.legs):
                self._end(call)

    def _end(self, call: Call) -> None:
        self._ending.discard(call)
        if call.ending is not None:
            now = self._engine.clock.now()
            self._show(call, (TOLD, now, now, None, b"", cast("Any", None)), None, call.ending.record())

    # -- who is shown it ---------------------------------------------------------------------------------------------

    def _show(self, call: Call, seen: Seen, message: Message | None, marks: Record) -> None:
        """Show it to those who have chosen the call, or do so now."""
        if call.was:
            marks["was"] = call.was
            call.was = ""
        late = False
        for viewer in self.viewers:
            if viewer not in call.viewers:
                if viewer.filter.as_dict() and (message is None or seen[0] is TOLD or not viewer.filter.matches(seen, message)):
                    late = True
                    continue
                call.viewers.append(viewer)
                for each in call.kept:
                    self._draw(viewer, *each)
            self._draw(viewer, seen, message, marks)
        if not late:
            return
        call.kept.append((seen, message, marks))
        self._holding.append(call)
        if len(self._holding) > HELD:
            oldest = self._holding.popleft()
            if oldest.kept:
                oldest.kept.popleft()

    def _draw(self, viewer: Viewer, seen: Seen, message: Message | None, marks: Record) -> None:
        told = shareable(marks)
        if seen[0] is not TOLD:
            told = self._scribe.describe(seen, message, "ladder", data=viewer.data) | told
        viewer.sink.show(told)
