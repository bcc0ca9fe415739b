"""The worst that 64 kB can hold, in each header field and in the body: nothing costs the loop more than 10 ms of CPU. RFC 3261 26.1.5."""

import itertools
import time

import pytest

from pipeline.sip import sdp
from tests.fuzz.targets import FIELDS, Null
from tests.fuzz.whole import OFFER, Whole

SIZE = 63000
"""With the rest of the message what a datagram can hold."""
FIELD = 15700
"""Four of them are as much; each is less than one field may have (MAX_FIELD), folds included."""
LONGEST = 0.010
"""Seconds of CPU. The quickest of some attempts counts: the collector and the machine's caches are nobody's fault."""
ATTEMPTS = 5
PATTERNS = {
    "letters": b"a",
    "blanks": b" ",
    "blank letters": b"a ",
    "semicolons": b";",
    "commas": b",",
    "comma lists": b"a,",
    "addresses": b"<sip:a@b>,",
    "addresses with parameters": b'"a" <sip:a@b;x=y?z=1>;p="q",',
    "parameters": b";a=b",
    "parameters without value": b";a",
    "quotes": b'"',
    "quoted strings": b'"a" ',
    "escaped quotes": b'\\"',
    "backslashes": b"\\",
    "open angles": b"<",
    "angles": b"<>",
    "parentheses": b"(",
    "comments": b"(a)",
    "colons": b":",
    "ats": b"@",
    "percents": b"%",
    "escapes": b"%41",
    "brackets": b"[",
    "equals": b"=",
    "slashes": b"/",
    "dots": b"a.",
    "digits": b"9",
    "folds": b"\r\n a",
    "utf-8": b"\xc3\xa9",
    "not utf-8": b"\xff",
    "nuls": b"\0",
    "digest": b'Digest a="b", ',
    "vias": b"SIP/2.0/UDP a;branch=z9hG4bKx,",
}
BEGINNINGS = (
    b"",
    b'"',
    b"<sip:a@b>",
    b"<sip:",
    b"sip:a@",
    b"Digest username=",
    b"SIP/2.0/UDP a;branch=z9hG4bK",
    b"presence;id=",
    b"application/sdp;",
)
BODIES = {
    "lines": b"a=x\r\n",
    "media": b"m=audio 9 RTP/AVP 0\r\n",
    "formats": b" 0",
    "maps": b"a=rtpmap:0 PCMU/8000\r\n",
    "parts": b"--x\r\n\r\n\r\n",
    "parts in parts": b"--x\r\nContent-Type: multipart/mixed;boundary=x\r\n\r\n",
    "elements": b"<a>",
    "attributes": b' a="b"',
    "entities": b"&amp;",
    "line ends": b"\r\n",
    "letters": b"a",
}


@pytest.fixture(scope="module")
def fed():
    whole = Whole()
    yield whole
    whole.over()
    whole.server.close()


def cost(fed, make):
    """CPU that a message costs until the loop has nothing to do any more; the least of some attempts."""
    best = 1.0
    for _ in range(ATTEMPTS):
        data = make()
        begin = time.thread_time()
        fed.server.engine.receive(data, Null())
        fed.server.loop.settle()
        best = min(best, time.thread_time() - begin)
        if best < LONGEST:
            break
    assert not fed.failures, fed.failures.pop().fields
    return best


def filled(pattern, beginning=b"", size=SIZE):
    return (beginning + pattern * (size // len(pattern)))[:size]


@pytest.fixture(params=[pytest.param(True, marks=pytest.mark.fuzz, id="all"), pytest.param(False, id="some")])
def every(request):
    """Whether to try every beginning, or those that have cost most."""
    return request.param


@pytest.mark.parametrize("name", FIELDS, ids=lambda name: name.decode())
def test_no_field_costs_more_than_ten_milliseconds(fed, name, every):
    slow = {}
    requests = (("INVITE", "sip:600@b"), ("REGISTER", "sip:b")) if every else (("INVITE", "sip:600@b"),)
    for what, pattern in PATTERNS.items():
        for beginning in BEGINNINGS if every else BEGINNINGS[:3]:
            value = filled(pattern, beginning, FIELD)
            for (method, uri), times in itertools.product(requests, (1, 4)):

                def make(method=method, uri=uri, value=value, times=times):
                    message = fed.message(method, uri)
                    head = b"\r\n".join(line for line in message.split(b"\r\n") if not line.startswith(name + b":")).rstrip(b"\r\n")
                    return head + (b"\r\n" + name + b": " + value) * times + b"\r\n\r\n"

                if (spent := cost(fed, make)) >= LONGEST:
                    slow[method, what, beginning, times] = spent
    assert not slow


@pytest.mark.parametrize("what", BODIES)
@pytest.mark.parametrize(
    "kind", ["application/sdp", "multipart/mixed;boundary=x", "application/pidf+xml", "application/dtmf-relay", "text/plain"]
)
def test_no_body_costs_more_than_ten_milliseconds(fed, what, kind):
    for beginning in (
        b"",
        OFFER,
        b"<?xml version='1.0'?><presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a@b'>",
        b"m=audio 9 RTP/AVP",
        OFFER[: OFFER.index(b"m=")],
    ):
        for method, uri, lines in (
            ("INVITE", "sip:600@b", b""),
            ("PUBLISH", "sip:a@b", b"Event: presence\r\n"),
            ("MESSAGE", "sip:c@b", b""),
        ):
            body = beginning + BODIES[what] * ((SIZE - len(beginning)) // len(BODIES[what]))  # whole lines: what is cut is only malformed
            spent = cost(fed, lambda method=method, uri=uri, lines=lines, body=body: fed.message(method, uri, lines, body, kind))
            assert spent < LONGEST, (method, beginning, spent)


SESSION = b"v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n"
EACH = (sdp.MOST_LINES - sdp.MOST_SESSION_LINES) // sdp.MOST_MEDIA - 1
"""Lines that each medium may have besides its m=, when there are as many media as may be."""
FULL = SESSION + b"a=x\r\n" * (sdp.MOST_SESSION_LINES - 5)
MAPS = b"".join(b"a=rtpmap:%d L16/8000\r\n" % (96 + number % 32) for number in range(EACH))


@pytest.mark.parametrize(
    "body",
    [
        FULL + b"m=audio 40000 RTP/AVP 0\r\n" * sdp.MOST_MEDIA,
        FULL + (b"m=audio 40000 RTP/AVP 0\r\n" + b"a=rtcp:\r\n" * EACH) * sdp.MOST_MEDIA,
        FULL + (b"m=video 40000 RTP/AVP 0\r\n" + b"a=r\r\n" * EACH) * (sdp.MOST_MEDIA - 1) + b"m=audio 40000 RTP/AVP 0\r\n",
        FULL + b"m=audio 40000 RTP/AVP 0\r\n" + (b"m=image 4000 udptl t38\r\n" + b"a=T38:\r\n" * EACH) * (sdp.MOST_MEDIA - 1),
        FULL + (b"m=audio 40000 RTP/AVP" + b" 18" * 200 + b"\r\n" + b"a=x\r\n" * EACH) * sdp.MOST_MEDIA,
        FULL + (b"m=audio 40000 RTP/AVP" + b"".join(b" %d" % number for number in range(128)) + b"\r\n" + MAPS) * (sdp.MOST_MEDIA * 3 // 4),
        SESSION + b"m=audio 40000 RTP/AVP 0\r\n" + b"a=rtpmap:0 PCMU/8000\r\n" * (sdp.MOST_LINES - 6),
        SESSION + b"m=audio 40000 RTP/AVP" + b" 0" * 30000 + b"\r\n",
    ],
    ids=["media", "attributes", "the last", "fax", "formats again and again", "formats", "maps", "one format"],
)
def test_no_description_that_can_be_read_costs_more_than_ten_milliseconds(fed, body):
    sdp.parse(body)
    assert len(body) <= SIZE
    assert cost(fed, lambda: fed.message("INVITE", "sip:600@b", body=body, kind="application/sdp")) < LONGEST


def nested(levels, inner):
    """A multipart in a multipart, each with a boundary as long as may be, and as many parts as may be at the bottom."""
    kind = ""
    for level in range(levels):
        boundary = b"%d" % level + b"(" * 69
        inner = (
            b"--" + boundary + b"\r\nContent-Type: " + (kind.encode() or b"text/plain") + b"\r\n\r\n" + inner + b"\r\n--" + boundary + b"--"
        )
        kind = f'multipart/mixed;boundary="{boundary.decode()}"'
    return kind, inner


@pytest.mark.parametrize(
    ("levels", "inner"),
    [
        (1, b"\r\n--" * 12000),
        (4, b"\n-" * 29000),
        (4, b"\r\n--0" * 12000),
        (4, b"\r\n--0" + b"(" * 69 + b"x"),
        (4, b"\r\n--0" + b"(" * 69 + b" " * 50000 + b"x"),
    ],
    ids=["delimiters", "line feeds", "beginnings", "whole beginnings", "blanks"],
)
def test_no_multipart_costs_more_than_ten_milliseconds(fed, levels, inner):
    kind, body = nested(levels, inner * (1 if len(inner) > 1000 else 58000 // len(inner)))
    assert cost(fed, lambda: fed.message("INVITE", "sip:600@b", body=body, kind=kind)) < LONGEST


@pytest.mark.parametrize("parts", [20, 21])
def test_no_part_costs_more_than_ten_milliseconds(fed, parts):
    lines = b"Content-X: " + b"\r\n a" * 15 + b"\r\n"
    body = (b"--x\r\n" + (lines * 2)[: 60000 // parts] + b"\r\n" + b"y" * 1000 + b"\r\n") * parts + b"--x--"
    assert cost(fed, lambda: fed.message("INVITE", "sip:600@b", body=body, kind="multipart/mixed;boundary=x")) < LONGEST


@pytest.mark.parametrize("where", ["method", "uri", "user", "host", "parameters", "names of fields", "many fields", "empty lines"])
def test_no_start_line_or_head_costs_more_than_ten_milliseconds(fed, where):
    def shape(value):
        message = fed.message("INVITE", "sip:600@b")
        return {
            "method": lambda: message.replace(b"INVITE", value, 1),
            "uri": lambda: message.replace(b"sip:600@b", value, 1),
            "user": lambda: message.replace(b"600", value, 1),
            "host": lambda: message.replace(b"@b", b"@" + value, 1),
            "parameters": lambda: message.replace(b"@b", b"@b" + value, 1),
            "names of fields": lambda: message.replace(b"\r\n\r\n", b"\r\n" + value + b": x\r\n\r\n"),
            "many fields": lambda: message.replace(b"\r\n\r\n", b"\r\n" + b"X: y\r\n" * 10000 + b"\r\n"),
            "empty lines": lambda: b"\r\n" * 30000 + message,
        }[where]()

    for what, pattern in PATTERNS.items():
        spent = cost(fed, lambda pattern=pattern: shape(filled(pattern)))
        assert spent < LONGEST, (what, spent)
