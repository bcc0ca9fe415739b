"""The check-list: what takes more than one message, or a look at the answer. Each check raises Wrong.

Rule: a check asks only what every configuration owes; what depends on one that is not there (no registrar, nobody to log in as) raises
Unsuitable, and is shown as such, not as passed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.conformance.bench import Unsuitable, must
from pipeline.conformance.marks import rfc

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.conformance.bench import Bench

    Check = Callable[[Bench], None]


def offers(bench: Bench, method: str) -> None:
    """Raise Unsuitable when no listed application takes a method."""
    if method not in bench.engine.generation.offer.methods:
        raise Unsuitable(f"no listed plugin takes {method}")


def datagrams(bench: Bench) -> None:
    """Raise Unsuitable where the checks do not ask by datagrams: a stream has no end of a message but the one it says."""
    if bench.transport != "UDP":
        raise Unsuitable("of a datagram only")


def is_(found: Any, wanted: Any, what: str) -> None:
    """Compare."""
    must(found == wanted, f"{what} is {found!r}, not {wanted!r}")


@rfc("3261", "8.2.6.2")
def answers_echo_what_they_must(bench: Bench) -> None:
    """Via, From, To, Call-ID and CSeq of the answer are those of the request, To with a tag."""
    (answer,) = bench.ask(bench.message("OPTIONS", source=bench.source, headers=[("Call-ID", "echo@here"), ("Via", _via(bench, "echo"))]))
    is_(answer.call_id, "echo@here", "Call-ID")
    is_(answer.cseq.method, "OPTIONS", "the method of CSeq")
    is_(answer.via.branch, "z9hG4bKecho", "the branch")
    must(answer.to.tag, "To has no tag")


@rfc("3581", "4")
def rport_is_filled_in(bench: Bench) -> None:
    """The source port is written into rport, the source address into received."""
    (answer,) = bench.ask(
        bench.message("OPTIONS", source=bench.source, headers=[("Via", _via(bench, "rp", host="192.0.2.200") + ";rport")])
    )
    is_(answer.via.params.get("rport"), str(bench.source[1]), "rport")
    is_(answer.via.params.get("received"), bench.source[0], "received")


@rfc("3261", "17.2.2")
def a_retransmission_gets_the_same_answer(bench: Bench) -> None:
    """A request that is repeated is answered alike: the same status, the same To-tag."""
    request = bench.message("OPTIONS", source=bench.source)
    (first,) = bench.ask(request)
    (second,) = bench.ask(request)
    is_(second.status, first.status, "the second status")
    is_(second.to.tag, first.to.tag, "the second To-tag")


@rfc("3261", "8.2.2.3")
def an_extension_that_is_not_known_is_refused(bench: Bench) -> None:
    """Require of something unknown: 420, and Unsupported says what."""
    offers(bench, "OPTIONS")
    answer = bench.asked("OPTIONS", headers=[("Require", "nothing-we-know")])
    is_(answer.status, 420, "the status")
    is_(answer.get("unsupported"), "nothing-we-know", "Unsupported")


@rfc("3261", "11.2")
def options_says_what_is_offered(bench: Bench) -> None:
    """OPTIONS to the server: Allow, Accept, Supported."""
    offers(bench, "OPTIONS")
    answer = bench.asked("OPTIONS")
    is_(answer.status, 200, "the status")
    for name in ("allow", "accept", "supported"):
        must(answer.get(name) is not None, f"{name.title()} is missing")


@rfc("3261", "21.5.2")
def an_unknown_method_is_501_with_allow(bench: Bench) -> None:
    """A method that nobody knows: 501 (or 405), and Allow says which are known."""
    answer = bench.asked("NEWMETHOD", "conformance")
    must(answer.status in (405, 501), f"the status is {answer.status}")
    must(answer.get("allow") is not None or answer.status == 501, "Allow is missing")


@rfc("3261", "22.1", "22.4")
@rfc("7616", "3.3")
def who_logs_in_wrong_is_challenged_again(bench: Bench) -> None:
    """A wrong password: 401 with a fresh nonce, and not stale."""
    offers(bench, "REGISTER")
    if not bench.user:
        raise Unsuitable("no store can be written, so there is no user to ask as")
    first = bench.request("REGISTER", from_="conformance", source=bench.source)
    if first.status != 401:
        raise Unsuitable("nobody is challenged")
    second = bench.request("REGISTER", from_="conformance", password="wrong", source=bench.source)  # noqa: S106
    is_(second.status, 401, "the status")
    value = second.get("www-authenticate") or ""
    must("nonce=" in value and value != first.get("www-authenticate"), "the nonce is not fresh")
    must("stale=true" not in value.lower(), "stale says that the password was right")


@rfc("3261", "10.3-7", "10.3-8")
def a_binding_is_made_listed_and_removed(bench: Bench) -> None:
    """REGISTER binds, the 200 lists, Expires: 0 removes."""
    offers(bench, "REGISTER")
    answer = bench.asked("REGISTER", headers=[("Expires", "600")])
    is_(answer.status, 200, "the status")
    contacts = answer.contacts
    is_(len(contacts), 1, "the number of contacts in the 200")
    must(0 < (contacts[0].expires or 0) <= 600, "expires of the 200 is not within what was asked for")
    answer = bench.asked("REGISTER", headers=[("Expires", "0")], cseq=10)
    is_((answer.status, len(answer.contacts)), (200, 0), "status and contacts after Expires: 0")


@rfc("3261", "10.3-6")
def star_removes_all_and_needs_expires_0(bench: Bench) -> None:
    """Contact: * without Expires: 0 is 400."""
    offers(bench, "REGISTER")
    is_(bench.asked("REGISTER", headers=[("Contact", "*"), ("Expires", "60")]).status, 400, "the status")
    is_(bench.asked("REGISTER", headers=[("Contact", "*"), ("Expires", "0")], cseq=10).status, 200, "the status with Expires: 0")


@rfc("3261", "10.3-7")
def an_interval_too_brief_is_423_with_min_expires(bench: Bench) -> None:
    """423 says Min-Expires; an hour is never too brief."""
    offers(bench, "REGISTER")
    answer = bench.asked("REGISTER", headers=[("Expires", "1")])
    must(answer.status in (200, 423), f"the status is {answer.status}")
    must(answer.status == 200 or answer.get("min-expires"), "Min-Expires is missing")
    is_(bench.asked("REGISTER", headers=[("Expires", "3600")], cseq=10).status, 200, "the status for an hour")


@rfc("3261", "17.2.1", "9.2")
def an_invite_is_answered_and_repeated_until_the_ack(bench: Bench) -> None:
    """The final answer to an INVITE comes again until it is acknowledged, unless it was stateless; an ACK is never answered."""
    answers = bench.ask(bench.message("INVITE", "nobody-has-this-name", source=bench.source), 40.0)
    finals = [answer for answer in answers if answer.status >= 200]
    must(finals, "no final answer within 40 s")
    is_(len({(answer.status, answer.to.tag) for answer in finals}), 1, "the number of different final answers")
    must(len(finals) <= 12, f"{len(finals)} repetitions: more than Timers G and H allow")


@rfc("3261", "18.2.1", "18.3")
def octets_behind_the_body_are_no_message(bench: Bench) -> None:
    """What stands behind Content-Length in a datagram is ignored."""
    datagrams(bench)
    request = bench.message("OPTIONS", source=bench.source)
    answers = bench.ask(request + b"OPTIONS sip:x SIP/2.0\r\n\r\n")
    is_(len(answers), 1, "the number of answers")


@rfc("3261", "7.5")
@rfc("5626", "4.4.1")
def keepalives_are_not_answered_as_requests(bench: Bench) -> None:
    """CRLFs alone are no request; in front of one they are skipped."""
    is_(bench.ask(b"\r\n\r\n"), [], "the answer")
    is_(len(bench.ask(b"\r\n\r\n" + bench.message("OPTIONS", source=bench.source))), 1, "the number of answers")


def _via(bench: Bench, branch: str, host: str = "") -> str:
    return f"SIP/2.0/UDP {host or bench.source[0]}:{bench.source[1]};branch=z9hG4bK{branch}"


CHECKS: tuple[Check, ...] = tuple(value for value in list(globals().values()) if callable(value) and hasattr(value, "rfc"))
