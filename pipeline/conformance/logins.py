"""The check-list of logins and bindings: digest (RFC 7616, 8760), REGISTER (RFC 3261 10), Path (RFC 3327). Each check raises Wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.conformance.bench import PASSWORD, USER, Unsuitable, must
from pipeline.conformance.checks import is_, offers
from pipeline.conformance.marks import rfc
from pipeline.sip import digest
from pipeline.sip.parser import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.conformance.bench import Bench
    from pipeline.sip.message import Response

    Check = Callable[[Bench], None]


def challenged(bench: Bench) -> Response:
    """Give the 401 to a REGISTER; Unsuitable where nobody is challenged."""
    offers(bench, "REGISTER")
    if not bench.user:
        raise Unsuitable("no store can be written, so there is no user to ask as")
    answer = bench.request("REGISTER", from_=USER, source=bench.source)
    if answer.status != 401:
        raise Unsuitable("nobody is challenged")
    return answer


def answered(bench: Bench, challenge: Response, *, password: str = PASSWORD, uri: str = "", cseq: int = 2) -> bytes:
    """Write the REGISTER that answers a challenge."""
    found = digest.choose(challenge.all("www-authenticate"), password)
    must(found is not None, "no challenge can be answered")
    request = parse(bench.message("REGISTER", from_=USER, source=bench.source, cseq=cseq))
    value = digest.answer(
        found,  # type: ignore[arg-type]
        "REGISTER",
        uri or f"sip:{bench.engine.domains.first.id}",
        username=USER,
        password=password,
        cnonce="c",
    )
    request.set("authorization", value)
    return request.encode()


@rfc("7616", "3.3")
@rfc("3261", "22.1", "20.44")
def a_challenge_has_realm_nonce_and_qop(bench: Bench) -> None:
    """Each challenge says realm, nonce, algorithm and qop."""
    for value in challenged(bench).all("www-authenticate"):
        for name in ("realm=", "nonce=", "qop="):
            must(name in value, f"{name[:-1]} is missing in {value}")


@rfc("8760", "2.6")
def the_strongest_algorithm_is_named_first(bench: Bench) -> None:
    """Of several challenges the one that is preferred comes first, and none is asked for twice."""
    values = challenged(bench).all("www-authenticate")
    names = ["SHA-512-256" if "SHA-512-256" in value else "SHA-256" if "SHA-256" in value else "MD5" for value in values]
    is_(len(set(names)), len(names), "the number of different algorithms")
    must("MD5" not in names[:-1], f"MD5 stands in front of others: {names}")


@rfc("7616", "3.4", "5.5")
def a_replay_is_refused(bench: Bench) -> None:
    """The same credentials in another request are no proof a second time."""
    request = answered(bench, challenged(bench))
    (first,) = bench.ask(request)
    is_(first.status, 200, "the status of the first")
    again = parse(request)
    again.set("via", f"SIP/2.0/UDP {bench.source[0]}:{bench.source[1]};branch=z9hG4bKreplay{bench.engine.token()};rport")
    again.set("call-id", bench.engine.token())
    (second,) = bench.ask(again.encode())
    is_(second.status, 401, "the status of the replay")


@rfc("7616", "3.4.6")
def credentials_for_another_uri_are_refused(bench: Bench) -> None:
    """A digest over the URI of another domain proves nothing here."""
    (answer,) = bench.ask(answered(bench, challenged(bench), uri="sip:elsewhere.invalid"))
    must(answer.status in (400, 401, 403), f"the status is {answer.status}")


@rfc("7616", "3.3", "5.4")
def a_nonce_of_our_own_making_is_refused(bench: Bench) -> None:
    """A nonce that the server did not make: 401, and not 200."""
    challenge = challenged(bench)
    value = challenge.get("www-authenticate") or ""
    nonce = value.partition('nonce="')[2].partition('"')[0]
    forged = parse(answered(bench, challenge).replace(nonce.encode(), nonce[::-1].encode()))
    (answer,) = bench.ask(forged.encode())
    is_(answer.status, 401, "the status")


@rfc("3261", "22.4", "26.3.2.4")
def who_exists_cannot_be_told(bench: Bench) -> None:
    """A user who exists and one who does not are answered alike."""
    known = challenged(bench)
    unknown = bench.request("REGISTER", from_="nobody-has-this-name", source=bench.source)
    is_(unknown.status, known.status, "the status for a user who does not exist")
    is_(len(unknown.all("www-authenticate")), len(known.all("www-authenticate")), "the number of challenges")


@rfc("3261", "10.2.1", "10.3-8")
def two_contacts_are_two_bindings(bench: Bench) -> None:
    """A REGISTER with two Contacts binds both; the 200 lists them with their own intervals."""
    offers(bench, "REGISTER")
    contacts = ", ".join(f"<sip:two{at}@{bench.source[0]}:{5070 + at}>;expires={600 * at}" for at in (1, 2))
    answer = bench.asked("REGISTER", headers=[("Contact", contacts)])
    if answer.status in (403, 500):
        raise Unsuitable(f"two contacts are not allowed: {answer.status}")
    is_(answer.status, 200, "the status")
    must(len(answer.contacts) >= 2, f"the 200 lists {len(answer.contacts)}")
    bench.asked("REGISTER", headers=[("Contact", "*"), ("Expires", "0")], cseq=10)


@rfc("3261", "10.2.3")
def without_a_contact_bindings_are_listed_and_none_is_changed(bench: Bench) -> None:
    """A REGISTER without Contact asks what is bound."""
    offers(bench, "REGISTER")
    bound = bench.asked("REGISTER", headers=[("Expires", "600")])
    listed = bench.asked("REGISTER", headers=[("Contact", "")], cseq=10)
    is_((bound.status, listed.status), (200, 200), "the statuses")
    must(str(bound.contacts[0].uri) in {str(each.uri) for each in listed.contacts}, "the binding is not listed")
    bench.asked("REGISTER", headers=[("Contact", "*"), ("Expires", "0")], cseq=20)


@rfc("3261", "10.3-7")
def what_is_older_changes_nothing(bench: Bench) -> None:
    """Of one Call-ID a lower CSeq that comes late does not undo what the higher one did."""
    offers(bench, "REGISTER")
    same = ("Call-ID", bench.engine.token())
    is_(bench.asked("REGISTER", headers=[same, ("Expires", "600")], cseq=100).status, 200, "the status")
    late = bench.asked("REGISTER", headers=[same, ("Expires", "0")], cseq=50)
    listed = bench.asked("REGISTER", headers=[("Contact", "")], cseq=10)
    must(listed.contacts, f"an older REGISTER (answered {late.status}) has removed the binding")
    bench.asked("REGISTER", headers=[("Contact", "*"), ("Expires", "0")], cseq=20)


@rfc("3261", "10.3-8", "20.17")
def a_200_says_what_time_it_is(bench: Bench) -> None:
    """The 200 to a REGISTER should have a Date: phones set their clocks by it."""
    offers(bench, "REGISTER")
    answer = bench.asked("REGISTER", headers=[("Contact", "")])
    is_(answer.status, 200, "the status")
    must((answer.get("date") or "").endswith("GMT"), "Date is missing, or not in GMT")


@rfc("3327", "5.3")
def a_path_is_stored_and_said_back(bench: Bench) -> None:
    """A REGISTER with Path and Supported: path: the 200 repeats the Path, or the server says that it does not know it."""
    offers(bench, "REGISTER")
    path = "<sip:192.0.2.77;lr>"
    answer = bench.asked("REGISTER", headers=[("Path", path), ("Supported", "path"), ("Expires", "600")])
    if answer.status in (403, 420, 421):
        raise Unsuitable(f"Path is not taken from here: {answer.status}")
    is_((answer.status, answer.get("path")), (200, path), "status and Path")
    bench.asked("REGISTER", headers=[("Contact", "*"), ("Expires", "0")], cseq=10)


@rfc("3261", "18.2.1")
def received_says_where_a_request_came_from(bench: Bench) -> None:
    """Where the host of Via is not the source, the answer's Via says received, without rport being asked for."""
    via = f"SIP/2.0/UDP elsewhere.invalid:{bench.source[1]};branch=z9hG4bKreceived{bench.engine.token()}"
    answers = bench.ask(bench.message("OPTIONS", source=bench.source, headers=[("Via", via)]))
    must(answers, "no answer came to where the request came from")
    is_(answers[0].via.params.get("received"), bench.source[0], "received")


LOGINS: tuple[Check, ...] = tuple(value for value in list(globals().values()) if callable(value) and hasattr(value, "rfc"))
