"""The record of a call that is over: made from its first channel and from who answered, and written through the data access layer.

Rule: nobody waits for it, and a disk that fails fails no call: it is counted and told as `cdr.failed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.causes import Cause, Hangup
from pipeline.dal.records import Cdr
from pipeline.pending import Pending

if TYPE_CHECKING:
    from pipeline.core.call import Call
    from pipeline.core.core import Core

SAID = {Cause.BUSY: "busy", Cause.NO_ANSWER: "no answer", Cause.NO_USER_RESPONSE: "no answer", Cause.NORMAL: "cancelled"}


def record_of(call: Call) -> Cdr:
    """Return the record of a call whose channels have all ended."""
    owner, answerer = call.owner, call.answerer
    assert owner is not None
    hangup = owner.hangup or Hangup()
    ended = owner.ended_at or call.core.clock.time()  # one that was transferred lives on in another call
    answered = owner.answered
    if answered and answered < call.created:  # transferred into this one: it counts from when somebody has answered him here
        answered = answerer.answered if answerer is not None else 0.0
    return Cdr(
        id=call.id,
        begun_at=call.created,
        answered_at=answered,
        ended_at=ended,
        duration=round(ended - call.created, 3),
        billed=round(ended - answered, 3) if answered else 0.0,
        disposition="answered" if answered else SAID.get(hangup.cause, "failed"),
        cause=int(hangup.cause),
        text=hangup.text,
        technology=owner.technology,
        code=hangup.code,
        placed=owner.direction == "out",
        caller_name=owner.party.name,
        caller_number=owner.party.number,
        caller_endpoint=owner.endpoint,
        context=owner.context,
        dialed=owner.dialed,
        answerer_name=answerer.party.name if answerer is not None else "",
        answerer_number=answerer.party.number if answerer is not None else "",
        answerer_endpoint=answerer.endpoint if answerer is not None else "",
        application=owner.application,
    )


def write(core: Core, call: Call) -> None:
    """Write the record of a call, if [dal] names a backend for `cdr`."""
    dal = core.engine.dal
    if dal is None or not dal.stores("cdr"):  # type: ignore[redundant-expr]  # None before the start
        return
    record = record_of(call)

    def written(pending: Pending) -> None:
        try:
            pending.value()
        except Exception as error:
            core.engine.counts["cdr.failed"] += 1
            core.tell("cdr.failed", record=record, error=str(error))
        else:
            core.tell("cdr.written", record=record)

    try:
        done = dal.change("cdr", record.id, (record,))  # the id is new, nobody need be asked first
    except Exception as error:
        written(Pending.failed(error))
        return
    (done if isinstance(done, Pending) else Pending.of(done)).then(written)
