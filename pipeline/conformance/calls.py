"""The check-list of calls: two phones of our own, in the user's own pipeline, call each other. Each check raises Wrong.

Rule: what is asked holds for any server that stands between two phones as a user agent (RFC 3261 6, B2BUA) or a proxy: it is asked of what
the phones see. Without `channel` (or another that takes INVITE), a registrar, or a route from one user to the other a check is not
applicable.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipeline.conformance.bench import Unsuitable, must
from pipeline.conformance.checks import is_, offers
from pipeline.conformance.marks import rfc
from pipeline.dal import Mailbox, StorageError
from pipeline.pending import finished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.conformance.bench import Bench
    from pipeline.testing.calls import Call
    from pipeline.testing.user_agent import UserAgent

    Check = Callable[[Bench], None]

LONG = 70.0
"""Seconds after which what is repeated for 64*T1 is over."""


def pair(bench: Bench) -> tuple[UserAgent, UserAgent]:
    """Give two registered phones: who calls and who is called, as they come from the shop."""
    offers(bench, "INVITE")
    offers(bench, "REGISTER")
    caller, callee = bench.pair()
    callee.answering = type(callee.answering)()
    for phone in (caller, callee):
        phone.silent, phone.refuses, phone.acks, phone.timers, phone.reliable = set(), {}, True, 0, "no"
    return caller, callee


def placed(bench: Bench, **how: Any) -> tuple[Call, Call]:
    """Place a call that is answered at once; give it as both ends see it. Unsuitable when nothing leads to the other user."""
    caller, callee = pair(bench)
    before = len(callee.calls)
    call = caller.call(callee.name, **how)
    bench.advance(3)
    if len(callee.calls) == before:
        raise Unsuitable(f"a call from one user to another is answered with {call.status or 'nothing'}: no route leads there")
    must(call.state == "up", f"the call is {call.state}, with {call.status}")
    return call, callee.calls[-1]


def end(bench: Bench, call: Call) -> None:
    """Hang up, and wait until it is over."""
    call.hangup()
    bench.advance(3)


def faultless(*calls: Call) -> None:
    """See that neither phone noticed anything against the rules."""
    for call in calls:
        must(not call.faults, f"the phone noticed: {', '.join(call.faults)}")


@rfc("3261", "13.3.1", "12.1.1", "13.2.2.4")
def a_call_is_answered_acknowledged_and_ended(bench: Bench) -> None:
    """INVITE, 200 with a Contact and a To-tag, ACK, BYE."""
    call, other = placed(bench)
    must(call.final is not None and call.final.contacts, "the 200 has no Contact")
    must(call.final is not None and call.final.to.tag, "the 200 has no To-tag")
    must(other.acks == 1, "the callee got no ACK")
    end(bench, call)
    is_((call.state, other.state), ("ended", "ended"), "the state of both ends")
    faultless(call, other)


@rfc("3261", "15.1.2")
def a_callee_may_hang_up(bench: Bench) -> None:
    """The BYE of the callee ends the call of the caller."""
    call, other = placed(bench)
    end(bench, other)
    is_((call.state, other.state), ("ended", "ended"), "the state of both ends")
    faultless(call, other)


@rfc("3261", "13.2.1")
@rfc("3264", "5", "6")
def an_offer_is_answered_line_by_line(bench: Bench) -> None:
    """The answer has a line for every line of the offer, and of the formats only those that were offered."""
    call, other = placed(bench)
    must(call.agreed and other.agreed, "one end has no description")
    is_(call.remote.count(b"m="), call.local.count(b"m="), "the number of media in the answer")
    end(bench, call)
    faultless(call, other)


@rfc("3261", "13.2.1", "13.3.1.4")
def a_call_without_an_offer_gets_one(bench: Bench) -> None:
    """An INVITE without a body: the offer is in the 200, the answer in the ACK."""
    call, other = placed(bench, late=True)
    must(call.agreed and other.agreed, "no description was agreed on")
    end(bench, call)
    faultless(call, other)


@contextmanager
def _no_mailbox(bench: Bench, name: str) -> Iterator[bool]:
    """Let the mailbox of a user take no messages meanwhile; False where that cannot be stored."""
    dal = bench.engine.dal
    try:
        bench.run(finished(dal.create(Mailbox(id=name, voicemail=False))))
    except StorageError:
        yield False
        return
    try:
        yield True
    finally:
        bench.run(finished(dal.delete(bench.run(finished(dal.get("mailbox", name))))))


@rfc("3261", "21.4.24", "13.3.1.3")
def busy_is_passed_on(bench: Bench) -> None:
    """A callee who is busy: the caller gets a final answer that says so (486, 600), and an ACK reaches the callee."""
    caller, callee = pair(bench)
    callee.answers(status=486)
    with _no_mailbox(bench, callee.name) as without:
        call = caller.call(callee.name)
        bench.advance(5)
    if not callee.calls or callee.calls[-1].status != 486:
        raise Unsuitable("no call reaches the other user")
    if call.state == "up":
        end(bench, call)
        kept = "" if without else "; the mailbox cannot be closed, for no store of `mailbox` can be written"
        raise Unsuitable(f"somebody answers for a callee who is busy: a mailbox, or steps behind the dial{kept}")
    must(call.status >= 400, f"the call is {call.state}, with {call.status}")
    is_(call.state, "ended", "the state of the call")


@rfc("3261", "9.1", "9.2", "15.1.1")
def a_caller_who_gives_up_ends_the_ringing(bench: Bench) -> None:
    """CANCEL: 200 for itself, 487 for the INVITE, and the callee's phone stops ringing."""
    caller, callee = pair(bench)
    callee.answers(after=60.0)
    before = len(callee.calls)
    call = caller.call(callee.name)
    bench.advance(3)
    if len(callee.calls) == before:
        raise Unsuitable("no call reaches the other user")
    call.cancel()
    bench.advance(5)
    is_((call.state, call.status), ("ended", 487), "state and status of the call")
    is_(callee.calls[-1].state, "ended", "the state of the callee's call")


@rfc("3261", "13.3.1.1")
def ringing_is_passed_on(bench: Bench) -> None:
    """The caller hears that it rings: a 18x within a dialog."""
    caller, callee = pair(bench)
    callee.answers(after=5.0)
    before = len(callee.calls)
    call = caller.call(callee.name)
    bench.advance(3)
    if len(callee.calls) == before:
        raise Unsuitable("no call reaches the other user")
    must([status for status in call.statuses if 101 <= status < 200], f"until now the caller got {call.statuses}")
    bench.advance(5)
    is_(call.state, "up", "the state of the call")
    end(bench, call)


@rfc("3261", "14.1", "14.2")
@rfc("3264", "8.4")
def hold_and_resume_pass(bench: Bench) -> None:
    """A re-INVITE that puts on hold, and one that resumes, change the session of both."""
    call, other = placed(bench)
    call.hold()
    bench.advance(3)
    is_(call.state, "up", "the state of the call on hold")
    is_(call.direction, "sendonly", "the direction of the media on hold")
    call.resume()
    bench.advance(3)
    is_((call.state, call.direction), ("up", "sendrecv"), "state and direction of the media after resuming")
    end(bench, call)
    faultless(call, other)


@rfc("3261", "12.2.1.1", "12.2.2")
def requests_of_a_call_count_on(bench: Bench) -> None:
    """CSeq rises with each request of a dialog, as the callee sees it."""
    call, other = placed(bench)
    call.hold()
    bench.advance(2)
    call.resume()
    bench.advance(2)
    end(bench, call)
    numbers = [message.cseq.number for message in other.received if message.is_request and message.method not in ("ACK", "CANCEL")]
    is_(numbers, sorted(set(numbers)), "the order of CSeq numbers at the callee")


@rfc("3261", "17.1.1.3", "13.3.1.4")
@rfc("6026", "7.1")
def a_2xx_is_repeated_until_its_ack(bench: Bench) -> None:
    """A caller who does not acknowledge gets the 200 again, and in the end a BYE."""
    caller, callee = pair(bench)
    caller.acks = False
    before = len(callee.calls)
    call = caller.call(callee.name)
    bench.advance(10)
    if len(callee.calls) == before:
        raise Unsuitable("no call reaches the other user")
    must(call.repeats >= 1, "the 200 came once only")
    bench.advance(LONG)
    is_(call.state, "ended", "the state of a call that nobody acknowledged")
    is_(callee.calls[-1].state, "ended", "the state of the callee's call")


@rfc("4028", "7", "9")
def a_session_timer_is_agreed_on(bench: Bench) -> None:
    """Session-Expires is answered with an interval and a refresher, or the call does without."""
    call, other = placed(bench, timers=1800)
    must(not call.interval or call.interval >= 90, f"the interval is {call.interval} s: less than the least Min-SE")
    must(not call.interval or call.refresher in ("uac", "uas"), "nobody refreshes")
    end(bench, call)
    faultless(call, other)


@rfc("3262", "3", "4")
def reliable_ringing_is_acknowledged(bench: Bench) -> None:
    """Where 100rel is spoken a reliable 18x has its PRACK; where it is not the call works without."""
    caller, callee = pair(bench)
    callee.answers(after=3.0)
    callee.reliable = caller.reliable = "supported"
    before = len(callee.calls)
    call = caller.call(callee.name)
    bench.advance(10)
    if len(callee.calls) == before:
        raise Unsuitable("no call reaches the other user")
    is_(call.state, "up", "the state of the call")
    end(bench, call)
    faultless(call, callee.calls[-1])


@rfc("3311", "5.1", "5.2")
def an_update_is_answered(bench: Bench) -> None:
    """Where UPDATE is allowed it changes the session as a re-INVITE does."""
    offers(bench, "UPDATE")
    call, other = placed(bench)
    call.hold(by="UPDATE")
    bench.advance(3)
    is_((call.state, call.direction), ("up", "sendonly"), "state and direction of the media after the UPDATE")
    end(bench, call)
    faultless(call, other)


@rfc("3261", "12.2.2", "14.2")
def a_bye_from_elsewhere_ends_nothing(bench: Bench) -> None:
    """A BYE for a call whose tags are wrong is 481, and the call goes on."""
    call, other = placed(bench)
    headers = [("Call-ID", call.call_id), ("To", f"<sip:{other.phone.name}@{other.phone.domain}>;tag=wrong")]
    answers = bench.ask(bench.message("BYE", source=bench.source, headers=headers))
    is_([answer.status for answer in answers], [481], "the answer")
    is_(call.state, "up", "the state of the call")
    end(bench, call)


@rfc("5393", "4.2.2")
@rfc("3261", "16.3")
def a_call_that_goes_in_circles_comes_to_an_end(bench: Bench) -> None:
    """Max-Forwards comes down by one at the least, so that a loop ends."""
    caller, callee = pair(bench)
    call = caller.call(callee.name, headers=[("Max-Forwards", "5")])
    bench.advance(3)
    if not callee.calls or call.state != "up":
        raise Unsuitable("no call reaches the other user")
    left = int(callee.calls[-1].invite.get("max-forwards") or 70)
    must(left < 5, f"Max-Forwards came in as 5 and went out as {left}")
    end(bench, call)


@rfc("3261", "8.2.6.1", "17.2.1")
def an_invite_that_takes_time_is_told_so(bench: Bench) -> None:
    """Within 200 ms an INVITE is answered by a 100 or more."""
    caller, callee = pair(bench)
    callee.answers(after=30.0)
    call = caller.call(callee.name)
    bench.advance(1.0)
    must(call.statuses or call.state != "calling", "nothing came within a second")
    call.cancel()
    bench.advance(5)


CALLS: tuple[Check, ...] = tuple(value for value in list(globals().values()) if callable(value) and hasattr(value, "rfc"))
