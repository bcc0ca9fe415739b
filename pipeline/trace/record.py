"""A record: one message as a viewer sees it, in plain values that JSON can carry. Screen, file and control socket show the same.

    time kind transport local peer method uri | status reason, from to call_id cseq size us     always
    steps (stage plugin verdict us), decided (stage plugin verdict what place because), edits   depth "stages"
    message (masked, see mask.py)                                                               depth "full"
    data (the bytes themselves)                                                                 for a capture only

    call channel party, again within refresh sdp session                                        depth "ladder" (the walk too)

kind is received, sent, sent again (a retransmission), not sent (an interceptor refused it), ended (of one that waited: how). At depth
"ladder" there are records of another kind between them: event, with what the core told of the call (calls.py).

Rules: nothing here runs on the hot path, and nothing here raises for what came from the network. Every text of a record can be written as
UTF-8 and holds no password of a URI, whatever it was made of: a message, a sentence of a plugin's, an exception.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.bind import write_address
from pipeline.passage import Claim, Drop, Reply, Wait
from pipeline.sip.grammar import Malformed
from pipeline.sip.parser import parse
from pipeline.sip.passwords import passwordless
from pipeline.trace.mask import masked, shareable
from pipeline.trace.why import Places

if TYPE_CHECKING:
    from pipeline.engine import Pipeline
    from pipeline.flow import Flow
    from pipeline.passage import Passage
    from pipeline.sip.address import Address
    from pipeline.sip.message import Message

CAME, WENT, AGAIN, LATER, HELD = "received", "sent", "sent again", "ended", "not sent"
TOLD = "event"
"""Something that the bus told: in the place of the flow stands the Event."""

Seen = tuple[str, float, float, "Passage | None", bytes, "Flow"]
"""As the tap notes it: kind, when it came or went, when that was done, passage, bytes, flow."""
Record = dict[str, Any]

DEPTHS = ("lines", "stages", "full", "ladder")


class Scribe:
    """Writes records for one engine."""

    def __init__(self, engine: Pipeline) -> None:
        self._engine = engine
        self._places = Places(engine.generation.plan)

    def time(self, at: float) -> float:
        """Return the UTC seconds of a moment of the monotonic clock."""
        clock = self._engine.clock
        return clock.time() - (clock.now() - at)

    def message_of(self, seen: Seen) -> Message | None:
        """Return the message of what was seen, read anew where nobody has; None when it cannot be read at all."""
        _, _, _, passage, data, flow = seen
        known: Message | None = passage.message if passage is not None else None
        if known is not None:
            return known
        try:
            return parse(data, flow.reliable)
        except Malformed as error:
            return error.message

    def describe(self, seen: Seen, message: Message | None, depth: str = "lines", *, data: bool = False) -> Record:
        """Write the record of what was seen."""
        kind, at, done, passage, raw, flow = seen
        if not raw and message is not None:  # what a stream began with and could not be followed
            raw = message.raw or b""
        record: Record = {
            "time": self.time(at),
            "kind": kind,
            "transport": flow.transport,
            "local": write_address(flow.local[:2]),
            "peer": write_address(flow.peer[:2]),
            **_what(message, raw),
            "size": len(raw),
        }
        if passage is not None:
            if kind is CAME:
                record["us"] = round((done - at) * 1e6, 1)
            elif kind in (WENT, HELD) and passage.cause is not None and message is not None and not message.is_request:
                record["us"] = round((at - passage.cause.arrived) * 1e6, 1)  # from the request's arrival: what its sender waited here
            if passage.made_by_stack:
                record["by"] = "stack"
            decided = self._decided(passage)
            if decided is not None:
                record["decided"] = decided
            if depth != "lines":
                record["steps"] = _steps(kind, passage)
                if message is not None and message.edits:
                    record["edits"] = [list(edit) for edit in message.edits]
                cause = passage.cause
                if kind in (WENT, HELD) and cause is not None and message is not None and message.is_request:
                    record["cause"] = cause.message.get("call-id") or ""
        record = shareable(record)
        if depth == "full" and kind is not LATER:
            record["message"] = masked(raw)
        if data:
            record["data"] = raw
        return record

    def _decided(self, passage: Passage) -> dict[str, Any] | None:
        if self._places.plan is not self._engine.generation.plan:
            self._places = Places(self._engine.generation.plan)
        decided = passage.decided
        if decided is None:
            return self._nobody_decided(passage)
        stage, plugin, verdict = decided
        because = str(verdict) if isinstance(verdict, str | Exception) else verdict.because
        if because.partition(":")[0] == "stack":
            plugin = "stack"
        what, place, sentence = self._places.why(plugin, because)
        found = {"stage": stage, "plugin": plugin, "verdict": verdict_words(verdict), "what": what, "place": place, "because": sentence}
        cause = passage.cause
        if passage.outgoing and cause is not None and cause.decided is not None and cause.decided[2] is verdict and not shown(cause):
            found["told"] = True  # the record of the request says the same
        return found

    def _nobody_decided(self, passage: Passage) -> dict[str, Any] | None:
        """Say what became of a message on which no step gave a verdict."""
        message: Any = passage.message
        if passage.outgoing:
            return None
        if message is None:
            verdict, because = "Drop", "no listed plugin parsed it"
        elif not message.is_request:
            verdict, because = "Deliver", "to the request that it answers"
        elif message.method == "CANCEL":
            verdict, because = "Deliver", "to the INVITE that it cancels"
        elif passage.dialog is not None:
            verdict, because = "Deliver", "to the owner of its dialog"
        elif message.call_id in self._engine.waiting.orders:
            verdict, because = "Wait", "behind another message of its call"
        else:
            return None
        return {"stage": "protocol", "plugin": "stack", "verdict": verdict, "what": "", "place": "", "because": because}


def verdict_words(verdict: Any) -> str:
    """Say a verdict, or what a step raised, in a word or two; empty: it passed the message on."""
    if verdict is None:
        return ""
    if type(verdict) is Reply:
        return f"Reply {verdict.status}"
    if type(verdict) is Claim:
        return f"Claim {verdict.key}"
    if isinstance(verdict, str):  # a response to nothing that was asked
        return "Drop"
    if type(verdict) in (Drop, Wait):
        return type(verdict).__name__
    if isinstance(verdict, Malformed):
        return f"Malformed {verdict.status}"
    return f"failed: {type(verdict).__name__}"


def _what(message: Message | None, raw: bytes) -> Record:
    """Say what a message is."""
    if message is None:
        line = masked(raw.lstrip(b"\r\n\0 ").split(b"\r\n", 1)[0][:8000])[:60]
        return {"start": line or ("keepalive" if raw else "")}
    found: Record = {}
    if message.is_request:
        found["method"], found["uri"] = message.method, message.uri_text  # type: ignore[attr-defined]
    else:
        found["status"], found["reason"] = message.status, message.reason  # type: ignore[attr-defined]
    found["from"], found["to"] = _party(message, "from"), _party(message, "to")
    for key, name in (("call_id", "call-id"), ("cseq", "cseq")):
        found[key] = message.get(name) or ""
    return found


def _party(message: Message, name: str) -> str:
    try:
        address: Address = message.from_ if name == "from" else message.to
        uri = address.uri
        if uri.host:
            return f"{uri.user}@{uri.host}" if uri.user else uri.host
        return str(uri)[:80]
    except Malformed:
        return passwordless(message.get(name) or "")[:80]


def _steps(kind: str, passage: Passage) -> list[Record]:
    """Write the walk: the steps of this message; for an answer also those that its request met after it had waited."""
    spans = list(passage.spans or ())
    begin = shown(passage) if kind is LATER else 0
    cause = passage.cause
    if kind in (WENT, HELD) and cause is not None and cause.spans and (mark := shown(cause)):
        spans = cause.spans[mark:] + spans
    found = [
        {"stage": stage, "plugin": plugin, "verdict": verdict_words(verdict), "us": round(seconds * 1e6, 1), **_error(verdict)}
        for stage, plugin, verdict, seconds in spans[begin:]
    ]
    decided = passage.decided
    if decided is not None:
        for step, span in zip(found, spans[begin:], strict=True):
            if span[2] is decided[2]:
                step["decided"] = True
    return found


def _error(verdict: Any) -> Record:
    return {"error": str(verdict)} if isinstance(verdict, Exception) else {}


def shown(passage: Passage) -> int:
    """Tell how many steps of a passage that waited were shown already; 0: it did not wait."""
    mark = (passage.state or {}).get("trace", 0)
    return mark if isinstance(mark, int) else 0
