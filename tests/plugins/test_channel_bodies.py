"""plugins.channel.bodies: the session description of a message, and what is refused for its body."""

from types import SimpleNamespace

import pytest
from pipeline.plugins.channel.bodies import LEVELS, description_of, refusal_of

from pipeline.conformance.marks import rfc
from pipeline.sip.message import Request
from pipeline.sip.multipart import MOST_PARTS

SDP = b"v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\n"
OTHER = b"v=0\r\no=- 2 2 IN IP4 10.0.0.9\r\n"
OFFER = SimpleNamespace(accepts={"application/sdp", "text/plain"}, accept="application/sdp, text/plain")
MIXED = "multipart/mixed;boundary=b"
BEYOND = (415, "")  # with the reason phrase of RFC 3261


def message(kind, body, *fields):
    return Request.new("INVITE", "sip:x@y", [*fields, *([("Content-Type", kind)] if kind else [])], body)


def part(kind, content=SDP, disposition="", *more):
    fields = [f"Content-Type: {kind}", *([f"Content-Disposition: {disposition}"] if disposition else []), *more]
    return "\r\n".join(fields).encode() + b"\r\n\r\n" + content


def multipart(*parts, boundary=b"b"):
    return b"".join(b"--" + boundary + b"\r\n" + one + b"\r\n" for one in parts) + b"--" + boundary + b"--\r\n"


def refused(given):
    refusal = refusal_of(given, OFFER)
    return refusal and (refusal.status, refusal.reason)


@pytest.mark.parametrize("kind", ["application/sdp", "Application/SDP; level=1"])
def test_a_body_of_that_kind(kind):
    assert description_of(message(kind, SDP)) == SDP
    assert refused(message(kind, SDP)) is None


@pytest.mark.parametrize("kind", ['multipart/mixed;boundary="b1"', "multipart/mixed; boundary=b1", "multipart/unheard-of;boundary=b1"])
def test_a_part_of_that_kind(kind):
    body = b"--b1\r\nContent-Type: application/isup\r\n\r\n\0\1\r\n--b1\r\nC: application/sdp\r\n\r\n" + SDP + b"\r\n--b1--\r\n"
    assert description_of(message(kind, body)) == SDP
    assert refused(message(kind, body)) is None


@rfc("5621", "4.2")
def test_alternatives_in_a_mixture_are_looked_into():
    """The example of RFC 5621 4.1: a location, and the session in SDP and in something newer."""
    session = multipart(part("application/sdp"), part("application/newer"), boundary=b"inner")
    body = multipart(part("application/pidf+xml", b"<here/>"), part('multipart/alternative; boundary="inner"', session))
    assert description_of(message(MIXED, body)) == SDP
    assert refused(message(MIXED, body)) is None


@rfc("5621", "8.3")
@pytest.mark.parametrize("handling", ["required", "optional"])
def test_of_alternatives_the_last_is_taken_whatever_its_handling(handling):
    kind = "multipart/alternative;boundary=b"
    body = multipart(
        part("application/sdp"), part("application/sdp", OTHER), part("application/newer", b"x", f"session;handling={handling}")
    )
    assert description_of(message(kind, body)) == OTHER
    assert refused(message(kind, body)) is None


@rfc("5621", "8.4")
@pytest.mark.parametrize("disposition", ["", "render", "session;handling=required"])
@pytest.mark.parametrize("kind", ["multipart/mixed", "multipart/alternative"])
def test_a_body_of_which_nothing_is_understood_is_no_call_without_an_offer(kind, disposition):
    given = message(f"{kind};boundary=b", multipart(part("application/newer", SDP, disposition)))
    assert refused(given) == BEYOND
    assert dict(refusal_of(given, OFFER).headers) == {"Accept": "application/sdp, text/plain"}


@pytest.mark.parametrize(
    "given",
    [
        message("", b""),
        message("text/plain", SDP),
        message(MIXED, multipart(part("text/plain", b"hi"))),
        message(MIXED, multipart(part("application/newer", b"x", "render; handling = Optional"))),
        message(MIXED, multipart(part("multipart/mixed", b"no boundary", "render;handling=optional"))),
        message(MIXED, b"--x", ("Content-Disposition", "render;handling=optional")),
        message("multipart/mixed", SDP, ("Content-Disposition", "session;handling=optional")),
    ],
)
def test_a_body_that_may_be_left_unread_is_a_call_without_an_offer(given):
    assert description_of(given) == b""
    assert refused(given) is None


@rfc("5621", "8.2")
@pytest.mark.parametrize(
    ("disposition", "kind", "beyond"),
    [
        ("signal; handling=required", "application/isup", True),
        ("signal; handling=optional", "application/isup", False),
        ("signal", "application/isup", False),
        ("", "application/isup", False),
        ("session; handling=required", "application/sdp", False),
        ("early-session; handling=required", "application/sdp", True),
        ("early-session; handling=optional", "application/sdp", False),
    ],
)
def test_a_part_that_must_be_understood(disposition, kind, beyond):
    given = message(MIXED, multipart(part(f"{kind};version=x", OTHER, disposition), part("application/sdp")))
    assert refused(given) == (BEYOND if beyond else None)
    assert description_of(given) == (OTHER if disposition == "session; handling=required" else SDP)


@rfc("5621", "8.2")
def test_what_a_part_requires_counts_only_when_the_whole_is_read():
    inner = multipart(part("application/sdp"), part("application/isup", b"x", "signal;handling=required"), boundary=b"i")
    given = message(MIXED, multipart(part("multipart/mixed;boundary=i", inner, "render;handling=optional")))
    assert (description_of(given), refused(given)) == (b"", None)
    given = message(MIXED, multipart(part("multipart/mixed;boundary=i", inner)))
    assert refused(given) == BEYOND


@pytest.mark.parametrize("encoding", ["Content-Encoding: gzip", "Content-Transfer-Encoding: base64"])
def test_a_part_that_is_encoded_is_not_understood(encoding):
    assert refused(message(MIXED, multipart(part("application/sdp", b"dj0w", "", encoding)))) == BEYOND
    direct = multipart(part("application/sdp", SDP, "", "Content-Transfer-Encoding: Binary"))
    assert description_of(message(MIXED, direct)) == SDP


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("multipart/mixed", SDP, "Bad Content-Type: a multipart without a boundary"),
        (MIXED, multipart(part("application/sdp"), boundary=b"c"), "Bad body: no part between its boundaries"),
        (MIXED, multipart(part("application/sdp"), boundary=b"bb"), "Bad body: no part between its boundaries"),
        (MIXED, b"--b\r\nContent-Type application/sdp\r\n\r\n" + SDP + b"\r\n--b--", "Bad body: a header line of a part that is no field"),
        (MIXED, multipart(part("multipart/mixed")), "Bad Content-Type: a multipart without a boundary"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_and_says_why(kind, body, reason):
    assert refused(message(kind, body)) == (400, reason)
    assert description_of(message(kind, body)) == b""


@pytest.mark.parametrize("before", [0, MOST_PARTS - 1, MOST_PARTS, MOST_PARTS + 5])
def test_so_many_parts_are_looked_at_and_what_has_more_is_beyond_us(before):
    given = message(MIXED, multipart(*[part("text/plain", b"hi")] * before, part("application/sdp")))
    assert description_of(given) == (SDP if before < MOST_PARTS else b"")
    assert refused(given) == (BEYOND if before >= MOST_PARTS else None)


def test_the_parts_of_all_levels_are_counted():
    half = multipart(*[part("text/plain", b"hi")] * (MOST_PARTS // 2), boundary=b"i")
    given = message(MIXED, multipart(*[part("multipart/mixed;boundary=i", half)] * 2, part("application/sdp")))
    assert refused(given) == BEYOND


@pytest.mark.parametrize("levels", [LEVELS, LEVELS + 1])
def test_so_many_levels_are_looked_into(levels):
    body, kind = SDP, "application/sdp"
    for level in range(levels):
        body, kind = multipart(part(kind, body), boundary=b"%d" % level), f"multipart/mixed;boundary={level}"
    assert refused(message(kind, body)) == (None if levels == LEVELS else BEYOND)
    assert description_of(message(kind, body)) == (SDP if levels == LEVELS else b"")
